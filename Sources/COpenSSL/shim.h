// libcrypto 3 as Swift sees it: the headers, and inline wrappers for what is a function-like macro there.
//
// Ownership is OpenSSL's own and named per function. All of these may be called on any thread, as long as one object is
// changed by one thread at a time; the error queue is per thread. No argument may be null unless a comment says so.

#ifndef COPENSSL_SHIM_H
#define COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <time.h>

/// Makes a key pair on a named curve ("P-256", "P-384", "P-521"). The caller frees it with EVP_PKEY_free; null on failure.
static inline EVP_PKEY *copenssl_generate_ec_key(const char *curve) {
    return EVP_EC_gen(curve);
}

/// Makes an Ed25519 key pair. The caller frees it with EVP_PKEY_free; null on failure.
static inline EVP_PKEY *copenssl_generate_ed25519_key(void) {
    return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

/// Makes an RSA key pair with the public exponent 65537. The caller frees it with EVP_PKEY_free; null on failure.
static inline EVP_PKEY *copenssl_generate_rsa_key(unsigned int bits) {
    return EVP_RSA_gen(bits);
}

/// How the key that a PKCS #8 is encrypted with comes from the passphrase (RFC 8018, RFC 7914).
typedef enum {
    copenssl_derivation_other,
    copenssl_derivation_pbkdf2,
    copenssl_derivation_scrypt,
    /// It says PBES2, and is malformed.
    copenssl_derivation_malformed
} copenssl_derivation;

/// Finds out what the derivation costs, without deriving anything: for PBKDF2 the iterations, for scrypt N, r and p.
/// Numbers that don't apply are 0.
static inline copenssl_derivation copenssl_derivation_of(const X509_SIG *encrypted, uint64_t numbers[3]) {
    numbers[0] = numbers[1] = numbers[2] = 0;
    const X509_ALGOR *algorithm = NULL;
    X509_SIG_get0(encrypted, &algorithm, NULL);
    if (OBJ_obj2nid(algorithm->algorithm) != NID_pbes2)
        return copenssl_derivation_other;
    PBE2PARAM *scheme = (PBE2PARAM *)ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), algorithm->parameter);
    if (scheme == NULL)
        return copenssl_derivation_malformed;
    copenssl_derivation result = copenssl_derivation_malformed;
    int identifier = OBJ_obj2nid(scheme->keyfunc->algorithm);
    if (identifier == NID_id_pbkdf2) {
        PBKDF2PARAM *parameters =
            (PBKDF2PARAM *)ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), scheme->keyfunc->parameter);
        if (parameters != NULL && ASN1_INTEGER_get_uint64(&numbers[0], parameters->iter) == 1)
            result = copenssl_derivation_pbkdf2;
        PBKDF2PARAM_free(parameters);
    } else if (identifier == NID_id_scrypt) {
        SCRYPT_PARAMS *parameters =
            (SCRYPT_PARAMS *)ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(SCRYPT_PARAMS), scheme->keyfunc->parameter);
        if (parameters != NULL && ASN1_INTEGER_get_uint64(&numbers[0], parameters->costParameter) == 1
            && ASN1_INTEGER_get_uint64(&numbers[1], parameters->blockSize) == 1
            && ASN1_INTEGER_get_uint64(&numbers[2], parameters->parallelizationParameter) == 1)
            result = copenssl_derivation_scrypt;
        SCRYPT_PARAMS_free(parameters);
    } else {
        result = copenssl_derivation_other;
    }
    PBE2PARAM_free(scheme);
    return result;
}

/// Frees what PEM_read_bio and other functions allocated with OPENSSL_malloc. Null is allowed.
static inline void copenssl_free(void *memory) {
    OPENSSL_free(memory);
}

/// Frees memory that held a secret, overwriting it first. Null is allowed.
static inline void copenssl_clear_free(void *memory, size_t length) {
    OPENSSL_clear_free(memory, length);
}

/// The bytes in a memory BIO; they stay the BIO's and are valid until it is written to or freed.
static inline size_t copenssl_memory_bio_bytes(BIO *bio, const char **bytes) {
    long length = BIO_get_mem_data(bio, (char **)bytes);
    return length < 0 ? 0 : (size_t)length;
}

/// The reason part of an error code of the queue, such as PEM_R_NO_START_LINE.
static inline int copenssl_error_reason(unsigned long code) {
    return ERR_GET_REASON(code);
}

/// The library part of an error code of the queue, such as ERR_LIB_PEM.
static inline int copenssl_error_library(unsigned long code) {
    return ERR_GET_LIB(code);
}

/// An empty list of certificates. The caller frees it with copenssl_certificates_free; null on failure.
static inline STACK_OF(X509) *copenssl_certificates_new(void) {
    return sk_X509_new_null();
}

/// Adds a certificate, taking a reference of its own. 1 on success, 0 on failure.
static inline int copenssl_certificates_add(STACK_OF(X509) *list, X509 *certificate) {
    return X509_add_cert(list, certificate, X509_ADD_FLAG_UP_REF);
}

/// Frees the list and its references. Null is allowed.
static inline void copenssl_certificates_free(STACK_OF(X509) *list) {
    sk_X509_pop_free(list, X509_free);
}

/// Adds an extension whose value is text in the language of x509v3_config(5), so a constant and never what somebody sent.
/// `issuer` is `certificate` itself where it signs itself. 1 on success, 0 on failure.
static inline int copenssl_add_extension(X509 *certificate, X509 *issuer, int identifier, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, identifier, value);
    if (extension == NULL)
        return 0;
    int added = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

/// An empty list of names. The caller frees it with GENERAL_NAMES_free; null on failure.
static inline GENERAL_NAMES *copenssl_names_new(void) {
    return sk_GENERAL_NAME_new_null();
}

/// Adds a name, copying its bytes: GEN_DNS or GEN_URI as ASCII text, GEN_IPADD as 4 or 16 bytes. 1 on success, 0 on failure.
static inline int copenssl_names_add(GENERAL_NAMES *names, int type, const unsigned char *bytes, int length) {
    ASN1_STRING *value = ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    GENERAL_NAME *name = value == NULL ? NULL : GENERAL_NAME_new();
    if (name == NULL || ASN1_STRING_set(value, bytes, length) != 1) {
        ASN1_STRING_free(value);
        GENERAL_NAME_free(name);
        return 0;
    }
    GENERAL_NAME_set0_value(name, type, value);
    if (sk_GENERAL_NAME_push(names, name) > 0)
        return 1;
    GENERAL_NAME_free(name);
    return 0;
}

/// Adds the list as the certificate's subject alternative names; the list stays the caller's. 1 on success.
static inline int copenssl_set_alternative_names(X509 *certificate, GENERAL_NAMES *names) {
    return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
}

/// The subject alternative names, which the caller frees with GENERAL_NAMES_free. Null without them; `*state` is then -1
/// where there are none, and something else where they are malformed or there twice.
static inline GENERAL_NAMES *copenssl_alternative_names(const X509 *certificate, int *state) {
    return (GENERAL_NAMES *)X509_get_ext_d2i(certificate, NID_subject_alt_name, state, NULL);
}

static inline int copenssl_names_count(const GENERAL_NAMES *names) {
    return sk_GENERAL_NAME_num(names);
}

/// The type of a name, and its bytes, which stay the list's; no bytes for types other than GEN_DNS, GEN_URI, GEN_IPADD.
static inline int copenssl_names_at(const GENERAL_NAMES *names, int index, const unsigned char **bytes, int *length) {
    *bytes = NULL;
    *length = 0;
    int type = 0;
    const void *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, index), &type);
    if (value != NULL && (type == GEN_DNS || type == GEN_URI || type == GEN_IPADD)) {
        *bytes = ASN1_STRING_get0_data((const ASN1_STRING *)value);
        *length = ASN1_STRING_length((const ASN1_STRING *)value);
    }
    return type;
}

/// Seconds since 1970 UTC of an ASN.1 time. 1 on success, 0 where it is no valid time.
static inline int copenssl_seconds(const ASN1_TIME *time, int64_t *seconds) {
    struct tm parts;
    if (time == NULL || ASN1_TIME_to_tm(time, &parts) != 1)
        return 0;
    *seconds = (int64_t)timegm(&parts);
    return 1;
}

/// Writes a name as RFC 2253 text, anything but printable ASCII escaped. Not negative on success.
static inline int copenssl_print_name(BIO *bio, const X509_NAME *name) {
    return X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
}

#endif
