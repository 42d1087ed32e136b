// Function-like macros of libssl as inline functions, cast macros as constants: Swift imports neither.
#pragma once
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static inline long gh_tls_set_mode(SSL_CTX *c, long m) { return SSL_CTX_set_mode(c, m); }
static inline int gh_tls_set_min_version(SSL_CTX *c, int v) { return (int)SSL_CTX_set_min_proto_version(c, v); }
static inline int gh_tls_set_max_version(SSL_CTX *c, int v) { return (int)SSL_CTX_set_max_proto_version(c, v); }
static inline void gh_tls_session_cache(SSL_CTX *c, long mode) { SSL_CTX_set_session_cache_mode(c, mode); }
static inline void gh_tls_set_options(SSL_CTX *c, unsigned long long o) { SSL_CTX_set_options(c, o); }
static inline int gh_tls_set_groups(SSL_CTX *c, const char *list) { return (int)SSL_CTX_set1_groups_list(c, list); }
static inline int gh_tls_add_chain_certificate(SSL_CTX *c, X509 *x) { return (int)SSL_CTX_add1_chain_cert(c, x); }
static inline int gh_tls_clear_chain(SSL_CTX *c) { return (int)SSL_CTX_clear_chain_certs(c); }
static inline int gh_tls_set_server_name(SSL *s, const char *name) { return (int)SSL_set_tlsext_host_name(s, name); }
static inline void gh_tls_set_app_data(SSL_CTX *c, void *p) { SSL_CTX_set_app_data(c, p); }
static inline void *gh_tls_app_data(SSL_CTX *c) { return SSL_CTX_get_app_data(c); }
static inline void gh_bio_retry_read(BIO *b) { BIO_set_retry_read(b); }
static inline void gh_bio_clear_retry(BIO *b) { BIO_clear_retry_flags(b); }
static inline SSL *gh_tls_of_store(X509_STORE_CTX *s) {
    return (SSL *)X509_STORE_CTX_get_ex_data(s, SSL_get_ex_data_X509_STORE_CTX_idx());
}
static inline long gh_tls_is_resumed(SSL *s) { return SSL_session_reused(s); }

static const long gh_tls_mode_release = SSL_MODE_RELEASE_BUFFERS;
static const long gh_tls_mode_moving = SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;
static const unsigned long long gh_tls_no_renegotiation = SSL_OP_NO_RENEGOTIATION;
static const unsigned long long gh_tls_no_compression = SSL_OP_NO_COMPRESSION;
static const unsigned long long gh_tls_no_ticket = SSL_OP_NO_TICKET;
static const unsigned long long gh_tls_server_preference = SSL_OP_CIPHER_SERVER_PREFERENCE;
static const unsigned long long gh_tls_prefer_chacha = SSL_OP_PRIORITIZE_CHACHA;
static const long gh_tls_mode_no_chain = SSL_MODE_NO_AUTO_CHAIN;
static inline int gh_tls_set_signatures(SSL_CTX *c, const char *list) { return (int)SSL_CTX_set1_sigalgs_list(c, list); }
static inline int gh_tls_set_client_signatures(SSL_CTX *c, const char *list) {
    return (int)SSL_CTX_set1_client_sigalgs_list(c, list);
}
static const int gh_bio_flush = BIO_CTRL_FLUSH;
static const int gh_tls_1_0 = TLS1_VERSION, gh_tls_1_1 = TLS1_1_VERSION;
static const int gh_tls_1_2 = TLS1_2_VERSION, gh_tls_1_3 = TLS1_3_VERSION;
static const int gh_tls_verify_none = SSL_VERIFY_NONE, gh_tls_verify_peer = SSL_VERIFY_PEER;
static const int gh_tls_verify_require = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
static const int gh_san_dns = GEN_DNS, gh_san_uri = GEN_URI, gh_san_email = GEN_EMAIL, gh_san_ip = GEN_IPADD;

/// Subject alternative name number `i` as raw bytes inside `names`; returns its GEN_ type, or -1 past the end.
static inline int gh_san_at(const GENERAL_NAMES *names, int i, const unsigned char **p, int *n) {
    const GENERAL_NAME *g;
    const ASN1_STRING *s = 0;
    if (i < 0 || i >= sk_GENERAL_NAME_num(names)) return -1;
    g = sk_GENERAL_NAME_value(names, i);
    if (g->type == GEN_DNS) s = g->d.dNSName;
    else if (g->type == GEN_URI) s = g->d.uniformResourceIdentifier;
    else if (g->type == GEN_EMAIL) s = g->d.rfc822Name;
    else if (g->type == GEN_IPADD) s = g->d.iPAddress;
    *p = s ? ASN1_STRING_get0_data(s) : 0;
    *n = s ? ASN1_STRING_length(s) : 0;
    return g->type;
}
static inline GENERAL_NAMES *gh_san_list(X509 *x) { return (GENERAL_NAMES *)X509_get_ext_d2i(x, NID_subject_alt_name, 0, 0); }
static inline void gh_san_free(GENERAL_NAMES *names) { GENERAL_NAMES_free(names); }
static inline int gh_chain_count(const STACK_OF(X509) *s) { return s ? sk_X509_num(s) : 0; }
static inline X509 *gh_chain_at(const STACK_OF(X509) *s, int i) { return sk_X509_value(s, i); }
static inline int gh_tls_print_name(BIO *b, const X509_NAME *n) { return X509_NAME_print_ex(b, n, 0, XN_FLAG_RFC2253); }
static inline long gh_bio_memory(BIO *b, char **p) { return BIO_get_mem_data(b, p); }
