"""A fleet server in Python, written from docs/fleet-protocol.md: what it takes from a box, no other code of ours reads.

fleet_of_another.py FOLDER

Listens on 127.0.0.1, prints {"port": N, "authority": SHA-256 of the authority's certificate} as its first line, and ends
with its standard input. Any token's secret is taken. What boxes send is decoded with opentelemetry-proto and kept below
FOLDER: checkins.jsonl, metrics.jsonl, logs.jsonl, problems.txt.
"""

import datetime
import gzip
import hashlib
import http.server
import ipaddress
import json
import os
import ssl
import sys
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

folder = sys.argv[1]
now = datetime.datetime.now(datetime.timezone.utc)
lock = threading.Lock()


def named(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def issue(subject, public, issuer, signer, usage=None, names=(), is_authority=False):
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if is_authority:
        fields = {
            name: False
            for name in (
                "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
                "encipher_only decipher_only"
            ).split()
        }
        builder = builder.add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **fields), critical=True)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer, hashes.SHA256())


authority_key = ec.generate_private_key(ec.SECP256R1())
authority = issue("another fleet", authority_key.public_key(), named("another fleet"), authority_key, is_authority=True)
server_key = ec.generate_private_key(ec.SECP256R1())
server = issue(
    "127.0.0.1",
    server_key.public_key(),
    authority.subject,
    authority_key,
    ExtendedKeyUsageOID.SERVER_AUTH,
    [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))],
)
for name, data in (
    ("authority.pem", pem(authority)),
    ("server.pem", pem(server)),
    (
        "server.key",
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    ),
):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def keep(name, value):
    with lock, open(os.path.join(folder, name), "a") as file:
        file.write(json.dumps(value) + "\n")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path != "/v1/authority":
            return self.answer(404, b"{}")
        self.answer(200, pem(authority), "application/x-pem-file")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        try:
            self.take(body)
        except Exception as error:  # whatever is wrong with what a box sends is what the test is about
            with lock, open(os.path.join(folder, "problems.txt"), "a") as file:
                file.write(f"{self.path}: {error!r}\n")
            self.answer(400, b'{"error":{"code":"malformed","message":"another fleet does not understand"}}')

    def take(self, body):
        if self.path == "/v1/enrol":
            assert self.headers["Authorization"].startswith("Bearer "), "no bearer token"
            asked = json.loads(body)
            request = x509.load_pem_x509_csr(asked["request"].encode())
            assert request.is_signature_valid, "the request is not signed by its key"
            device = asked["device"]
            certificate = issue(
                device,
                request.public_key(),
                authority.subject,
                authority_key,
                ExtendedKeyUsageOID.CLIENT_AUTH,
                [x509.UniformResourceIdentifier("urn:edge:device:" + device)],
            )
            reply = {
                "certificate": pem(certificate).decode(),
                "authorities": pem(authority).decode(),
                "device": device,
                "labels": {"site": "elsewhere"},
                "interval": 1,
            }
            return self.answer(200, json.dumps(reply).encode())
        peer = self.connection.getpeercert()
        assert peer, "no certificate was shown"
        uris = [value for kind, value in peer["subjectAltName"] if kind == "URI"]
        if self.path == "/v1/checkin":
            said = json.loads(body)
            assert uris == ["urn:edge:device:" + said["device"]], f"{uris} and {said['device']}"
            keep("checkins.jsonl", said)
            reply = {
                "acknowledged": said["sequence"],
                "interval": 1,
                "labels": {"site": "elsewhere"},
                "now": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            return self.answer(200, json.dumps(reply).encode())
        kinds = {
            "/v1/metrics": (ExportMetricsServiceRequest, ExportMetricsServiceResponse, "metrics.jsonl"),
            "/v1/logs": (ExportLogsServiceRequest, ExportLogsServiceResponse, "logs.jsonl"),
        }
        request, response, name = kinds[self.path]
        assert self.headers["Content-Type"] == "application/x-protobuf", self.headers["Content-Type"]
        message = request()
        message.ParseFromString(body)
        assert message.SerializeToString(), "it is empty"
        keep(name, MessageToDict(message))
        self.answer(200, response().SerializeToString(), "application/x-protobuf")

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.path.join(folder, "server.pem"), os.path.join(folder, "server.key"))
context.load_verify_locations(os.path.join(folder, "authority.pem"))
context.verify_mode = ssl.CERT_OPTIONAL
listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
listener.daemon_threads = True
listener.socket = context.wrap_socket(listener.socket, server_side=True)
threading.Thread(target=listener.serve_forever, daemon=True).start()
digest = hashlib.sha256(authority.public_bytes(serialization.Encoding.DER)).hexdigest()
print(json.dumps({"port": listener.server_port, "authority": digest}), flush=True)
sys.stdin.read()
