// libcrypto 3 as Swift sees it: the headers, and inline wrappers for what is a function-like macro there.
//
// Ownership is OpenSSL's own and named per function. All of these may be called on any thread, as long as one object is
// changed by one thread at a time; the error queue is per thread. No argument may be null unless a comment says so.

#ifndef COPENSSL_SHIM_H
#define COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <time.h>

/// Makes a key pair on a named curve ("P-256", "P-384", "P-521"). The caller frees it with EVP_PKEY_free; null on failure.
static inline EVP_PKEY *copenssl_generate_ec_key(const char *curve) {
    return EVP_EC_gen(curve);
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
