// What the room Crypto needs from libcrypto behind macros, variadic functions or typed stacks. Inline, nothing else.
#pragma once
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

/// The newest queued reason as text, then an empty queue. Returns 0 when the queue was empty.
static inline int gh_crypto_take_error(char *text, size_t size) {
    unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    if (code == 0) return 0;
    const char *reason = ERR_reason_error_string(code);
    if (reason == NULL) {
        ERR_error_string_n(code, text, size);
        return 1;
    }
    strncpy(text, reason, size - 1);
    text[size - 1] = 0;
    return 1;
}

static inline EVP_PKEY *gh_generate_ec(const char *curve) { return EVP_EC_gen(curve); }
static inline EVP_PKEY *gh_generate_rsa(size_t bits) { return EVP_RSA_gen(bits); }

static inline long gh_bio_bytes(BIO *bio, unsigned char **start) { return BIO_get_mem_data(bio, (char **)start); }

/// A PEM password callback that always refuses, so that an encrypted key never prompts on the terminal.
static inline int gh_refuse_password(char *buffer, int size, int writing, void *state) {
    (void)buffer; (void)size; (void)writing; (void)state;
    return -1;
}
static inline EVP_PKEY *gh_read_private_pem(BIO *bio) {
    return PEM_read_bio_PrivateKey(bio, NULL, gh_refuse_password, NULL);
}
static inline X509 *gh_read_certificate_pem(BIO *bio) {
    return PEM_read_bio_X509(bio, NULL, gh_refuse_password, NULL);
}
static inline X509_CRL *gh_read_crl_pem(BIO *bio) {
    return PEM_read_bio_X509_CRL(bio, NULL, gh_refuse_password, NULL);
}
/// 1 when the newest error says that no PEM block was left, which ends a bundle.
static inline int gh_pem_at_end(void) {
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

static inline STACK_OF(X509) *gh_chain_new(void) { return sk_X509_new_null(); }
static inline int gh_chain_push(STACK_OF(X509) *chain, X509 *certificate) { return sk_X509_push(chain, certificate); }
static inline void gh_chain_free(STACK_OF(X509) *chain) { sk_X509_free(chain); }

static inline GENERAL_NAMES *gh_names_of(const X509 *certificate) {
    return X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}
/// The names that a signing request asks for; NULL when it asks for none.
static inline GENERAL_NAMES *gh_names_asked(X509_REQ *request) {
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    if (extensions == NULL) return NULL;
    GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return names;
}
static inline int gh_names_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
/// The bytes of name `at` live as long as `names`. `kind` is GEN_URI, GEN_DNS, GEN_IPADD, …; bytes only for those three.
static inline int gh_names_get(const GENERAL_NAMES *names, int at, const unsigned char **bytes, int *count) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, at);
    if (name->type == GEN_URI || name->type == GEN_DNS || name->type == GEN_IPADD) {
        *bytes = ASN1_STRING_get0_data(name->d.ia5);
        *count = ASN1_STRING_length(name->d.ia5);
    } else {
        *bytes = NULL;
        *count = 0;
    }
    return name->type;
}
static inline GENERAL_NAMES *gh_names_new(void) { return GENERAL_NAMES_new(); }
static inline int gh_names_add(GENERAL_NAMES *names, int kind, const unsigned char *bytes, int count) {
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *text = ASN1_STRING_type_new(kind == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    if (name == NULL || text == NULL || !ASN1_STRING_set(text, bytes, count)) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(text);
        return 0;
    }
    GENERAL_NAME_set0_value(name, kind, text);
    if (!sk_GENERAL_NAME_push(names, name)) {
        GENERAL_NAME_free(name);
        return 0;
    }
    return 1;
}
static inline int gh_names_attach(X509 *certificate, GENERAL_NAMES *names, int critical) {
    return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, critical, X509V3_ADD_REPLACE);
}
static inline int gh_names_ask(X509_REQ *request, GENERAL_NAMES *names) {
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    int ok = X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, X509V3_ADD_REPLACE) > 0
        && X509_REQ_add_extensions(request, extensions);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return ok;
}

/// Adds an extension in the notation of openssl's configuration files. `text` is always one of our own constants.
static inline int gh_extension_add(X509 *certificate, X509 *issuer, int kind, const char *text) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, text);
    if (extension == NULL) return 0;
    int ok = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return ok;
}

/// Unix seconds of an ASN.1 time. 0 when it is malformed.
static inline int gh_unix_time(const ASN1_TIME *at, long long *seconds) {
    struct tm parts;
    if (at == NULL || !ASN1_TIME_to_tm(at, &parts)) return 0;
    *seconds = (long long)timegm(&parts);
    return 1;
}

/// RFC 2253 text, with UTF-8 left as it is.
static inline int gh_print_name(BIO *bio, const X509_NAME *name) {
    return X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
}
