// Session tickets, stapled revocation answers and revocation lists: what Transport needs from libssl behind macros,
// typed stacks or several calls that only make sense together.
#pragma once
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/params.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

typedef int (*gh_ticket_callback)(SSL *, unsigned char *, unsigned char *, EVP_CIPHER_CTX *, EVP_MAC_CTX *, int);

static inline int gh_tls_on_ticket(SSL_CTX *c, gh_ticket_callback f) {
    return (int)SSL_CTX_set_tlsext_ticket_key_evp_cb(c, f);
}

/// Prepares both contexts for one ticket: AES-256-CBC, then HMAC-SHA-256. Returns 1, or -1 for a failure.
static inline int gh_ticket_begin(EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, const EVP_CIPHER *aes,
                                  const unsigned char *key, unsigned char *mac_key, size_t mac_count,
                                  const unsigned char *iv, int encrypting) {
    OSSL_PARAM parameters[3];
    parameters[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, mac_key, mac_count);
    parameters[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0);
    parameters[2] = OSSL_PARAM_construct_end();
    if (EVP_CipherInit_ex(cipher, aes, NULL, key, iv, encrypting) != 1) return -1;
    return EVP_MAC_CTX_set_params(mac, parameters) == 1 ? 1 : -1;
}

static inline void gh_tls_set_own(SSL *s, void *p) { SSL_set_app_data(s, p); }
static inline void *gh_tls_own(const SSL *s) { return SSL_get_app_data(s); }
static inline long gh_tls_set_timeout(SSL_CTX *c, long seconds) { return SSL_CTX_set_timeout(c, seconds); }
static inline long gh_tls_cache_size(SSL_CTX *c, long count) { return SSL_CTX_sess_set_cache_size(c, count); }
static const long gh_tls_cache_off = SSL_SESS_CACHE_OFF, gh_tls_cache_server = SSL_SESS_CACHE_SERVER;
static const long gh_tls_cache_client = SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL;

/// The peer of a stored session showed a certificate whose time is over.
static inline int gh_session_peer_expired(SSL_SESSION *session) {
    X509 *peer = session ? SSL_SESSION_get0_peer(session) : NULL;
    return peer != NULL && X509_cmp_current_time(X509_get0_notAfter(peer)) <= 0;
}

/// The session is over, counted from when it was made.
static inline int gh_session_is_old(const SSL_SESSION *session) {
    return SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session) < (long)time(NULL);
}

static inline long gh_tls_on_status(SSL_CTX *c, int (*f)(SSL *, void *)) { return SSL_CTX_set_tlsext_status_cb(c, f); }
static inline long gh_tls_status_argument(SSL_CTX *c, void *p) { return SSL_CTX_set_tlsext_status_arg(c, p); }

/// Hands a copy of the answer to the handshake, which frees it.
static inline int gh_tls_staple(SSL *s, const unsigned char *bytes, size_t count) {
    unsigned char *copy = (unsigned char *)OPENSSL_malloc(count);
    if (copy == NULL) return 0;
    memcpy(copy, bytes, count);
    return (int)SSL_set_tlsext_status_ocsp_resp(s, copy, (long)count);
}

/// Client: asks the server for a stapled answer, and reads it. NULL when there is none.
static inline void gh_tls_ask_status(SSL *s) { SSL_set_tlsext_status_type(s, TLSEXT_STATUSTYPE_ocsp); }
static inline long gh_tls_stapled(SSL *s, const unsigned char **bytes) { return SSL_get_tlsext_status_ocsp_resp(s, bytes); }

/// Looks for the answer about `leaf` in a DER OCSP response (RFC 6960 §4.2). Returns 1 and when it ends (0: never);
/// 0 when the bytes are no successful response; -1 when none of its answers is about this certificate.
static inline int gh_ocsp_answers(const unsigned char *bytes, size_t count, const X509 *leaf, long long *ends) {
    int result = 0;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &bytes, (long)count);
    OCSP_BASICRESP *basic = NULL;
    *ends = 0;
    if (response == NULL) goto done;
    if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL) goto done;
    basic = OCSP_response_get1_basic(response);
    if (basic == NULL) goto done;
    result = -1;
    for (int i = 0; i < OCSP_resp_count(basic); i++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
        ASN1_INTEGER *serial = NULL;
        ASN1_GENERALIZEDTIME *next = NULL;
        struct tm parts;
        OCSP_id_get0_info(NULL, NULL, NULL, &serial, (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single));
        if (serial == NULL || ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) != 0) continue;
        OCSP_single_get0_status(single, NULL, NULL, NULL, &next);
        if (next != NULL && ASN1_TIME_to_tm(next, &parts)) *ends = (long long)timegm(&parts);
        result = 1;
        break;
    }
done:
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    return result;
}

/// SHA-256 of the DER public key info of a certificate. 0 when it cannot be written.
static inline int gh_public_key_digest(const X509 *certificate, unsigned char *out) {
    unsigned char *der = NULL;
    unsigned int size = 0;
    int count = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (count <= 0) return 0;
    int ok = EVP_Digest(der, (size_t)count, out, &size, EVP_sha256(), NULL) == 1 && size == 32;
    OPENSSL_free(der);
    return ok;
}
