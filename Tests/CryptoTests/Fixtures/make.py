#!/usr/bin/env python3
"""Makes the fixtures in this folder: throw-away keys and certificates, each named by its one defect.

Needs the openssl program (3.x) and the Python package `cryptography`. Run it in this folder; keys are new each time, so
everything is made again together.
"""
import datetime
import pathlib
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

MESSAGE = b"the message\n"


def openssl(*arguments, **options):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, **options).stdout


def write(name, content):
    pathlib.Path(name).write_bytes(content)


def private_pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def make_keys():
    write("message", MESSAGE)
    for name, curve in [("p256", "P-256"), ("p384", "P-384"), ("p521", "P-521"), ("secp256k1", "secp256k1")]:
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-out", f"{name}.pem")
        openssl("pkey", "-in", f"{name}.pem", "-pubout", "-out", f"{name}.pub")
    openssl("ec", "-in", "p256.pem", "-out", "p256-sec1.pem")
    write("p256-sec1-parameters.pem", openssl("ecparam", "-name", "prime256v1", "-genkey"))
    openssl("ec", "-in", "p256.pem", "-aes256", "-passout", "pass:secret", "-out", "encrypted-sec1.pem")
    openssl("pkcs8", "-topk8", "-in", "p256.pem", "-passout", "pass:secret", "-out", "encrypted-pkcs8.pem")
    openssl(
        "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit",
        "-out", "explicit-curve.pem",
    )
    openssl("pkey", "-in", "explicit-curve.pem", "-pubout", "-out", "explicit-curve.pub")
    for name in ["ed25519", "x25519"]:
        openssl("genpkey", "-algorithm", name, "-out", f"{name}.pem")
        openssl("pkey", "-in", f"{name}.pem", "-pubout", "-out", f"{name}.pub")
    openssl("pkeyutl", "-sign", "-inkey", "ed25519.pem", "-rawin", "-in", "message", "-out", "ed25519.sig")
    for bits in [1024, 2048]:
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}", "-out", f"rsa{bits}.pem")
        openssl("pkey", "-in", f"rsa{bits}.pem", "-pubout", "-out", f"rsa{bits}.pub")
    openssl("rsa", "-in", "rsa2048.pem", "-RSAPublicKey_out", "-out", "rsa2048-pkcs1.pub")
    pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_mgf1_md:sha256"]
    for name, options in {
        "rsa-pss-salt32": [*pss, "-sigopt", "rsa_pss_saltlen:32"],
        "rsa-pss-salt0": [*pss, "-sigopt", "rsa_pss_saltlen:0"],
        "rsa-pkcs1": [],
    }.items():
        openssl("dgst", "-sha256", "-sign", "rsa2048.pem", *options, "-out", f"{name}.sig", "message")
    # A private key whose public half is another key's: the last 64 bytes of the PKCS #8 are the public point.
    halves = [
        bytearray(openssl("pkey", "-in", name, "-outform", "DER")) for name in ["p256.pem", "p256-sec1-parameters.pem"]
    ]
    halves[0][-64:] = halves[1][-64:]
    write("mismatched-halves.pem", pem("PRIVATE KEY", bytes(halves[0])))
    # A public key that is the point at infinity, encoded as one zero byte.
    write(
        "infinity.pub",
        pem("PUBLIC KEY", bytes.fromhex("3019301306072a8648ce3d020106082a8648ce3d0301070302") + b"\x00\x00"),
    )
    public = pathlib.Path("p256.pub").read_bytes()
    der = openssl("pkey", "-pubin", "-in", "p256.pub", "-outform", "DER")
    write("off-curve.pub", pem("PUBLIC KEY", der[:-1] + bytes([der[-1] ^ 1])))
    write("trailing-byte.pub", pem("PUBLIC KEY", der + b"\x00"))
    write("two-keys.pub", public + public)
    write("bad-base64.pub", public.replace(b"M", b"*", 1))
    write("no-end-line.pub", public[: public.index(b"-----END")])


def pem(label, der):
    import base64

    text = base64.b64encode(der).decode()
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def certificate(
    name, subject, key, issuer, issuer_key, *, ca=False, path_length=None, start=2026, end=2030, usage=None,
    extended=None, algorithm=hashes.SHA256(),
):
    def named(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(start, 1, 1))
        .not_valid_after(datetime.datetime(end, 1, 1))
        .add_extension(x509.BasicConstraints(ca, path_length), critical=True)
    )
    if usage is not None:
        flags = dict.fromkeys(
            ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"], False)
        flags.update(dict.fromkeys(usage, True))
        builder = builder.add_extension(x509.KeyUsage(**flags), critical=True)
    if extended is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    made = builder.sign(issuer_key, algorithm)
    write(f"{name}.crt", made.public_bytes(serialization.Encoding.PEM))


def make_certificates():
    def key():
        return ec.generate_private_key(ec.SECP256R1())

    signs, certifies = ["digital_signature"], ["key_cert_sign", "crl_sign"]
    code = [ExtendedKeyUsageOID.CODE_SIGNING]
    root, middle, leaf, stranger = key(), key(), key(), key()
    write("leaf.pem", private_pem(leaf))
    certificate("root", "Test Root", root, "Test Root", root, ca=True, usage=certifies, end=2050)
    certificate("stranger-root", "Test Root", stranger, "Test Root", stranger, ca=True, usage=certifies, end=2050)
    certificate("intermediate", "Test Intermediate", middle, "Test Root", root, ca=True, path_length=0,
                usage=certifies, end=2040)
    certificate("not-a-ca", "Test Intermediate", middle, "Test Root", root, usage=signs, end=2040)

    def signer(name, **options):
        certificate(name, name, leaf, "Test Intermediate", middle, **options)

    signer("leaf", usage=signs, extended=code)
    signer("leaf-usage-only", usage=signs)
    signer("leaf-extended-usage-only", extended=code)
    signer("leaf-tls-server", usage=signs, extended=[ExtendedKeyUsageOID.SERVER_AUTH])
    signer("leaf-key-agreement", usage=["key_agreement"], extended=code)
    signer("leaf-no-usage")
    signer("leaf-expired", usage=signs, extended=code, start=2027, end=2028)


def der(tag, *parts):
    content = b"".join(parts)
    length = len(content)
    size = bytes([length]) if length < 0x80 else b"\x82" + length.to_bytes(2, "big")
    return bytes([tag]) + size + content


def integer(value):
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def sequence(*parts):
    return der(0x30, *parts)


def identifier(digits):
    return der(0x06, bytes.fromhex(digits))


def encrypted(derivation):
    """An encrypted PKCS #8 whose content nobody reaches, as deriving its key takes too long."""
    cipher = sequence(identifier("60864801650304012a"), der(0x04, bytes(16)))  # aes-256-cbc
    scheme = sequence(identifier("2a864886f70d01050d"), sequence(derivation, cipher))  # PBES2
    return pem("ENCRYPTED PRIVATE KEY", sequence(scheme, der(0x04, bytes(144))))


def make_more_private_keys():
    salt = der(0x04, b"saltsalt")
    hmac = sequence(identifier("2a864886f70d0209"), bytes.fromhex("0500"))  # hmacWithSHA256
    pbkdf2 = sequence(identifier("2a864886f70d01050c"), sequence(salt, integer(2**31 - 1), hmac))
    write("costly-pbkdf2.pem", encrypted(pbkdf2))
    numbers = integer(1024), integer(8), integer(1_000_000)
    write("costly-scrypt.pem", encrypted(sequence(identifier("2b06010401da47040b"), sequence(salt, *numbers))))
    openssl(
        "pkcs8", "-topk8", "-in", "p256.pem", "-v1", "PBE-SHA1-3DES", "-passout", "pass:secret",
        "-out", "encrypted-pbes1.pem",
    )
    openssl("rsa", "-in", "rsa2048.pem", "-traditional", "-out", "rsa2048-pkcs1.pem")
    openssl("genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "rsa-pss-bound.pem")
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4608", "-out", "rsa4608.pem")
    # Its public half is another key's: the modulus is the one of another key of that size.
    halves = [
        serialization.load_pem_private_key(path.read_bytes(), None).private_numbers()
        for path in [pathlib.Path("rsa2048.pem"), pathlib.Path("rsa-pss-bound.pem")]
    ]
    mine, other = halves
    parts = [0, other.public_numbers.n, 65537, mine.d, mine.p, mine.q, mine.dmp1, mine.dmq1, mine.iqmp]
    write("mismatched-rsa.pem", pem("RSA PRIVATE KEY", sequence(*map(integer, parts))))


make_keys()
make_more_private_keys()
make_certificates()
