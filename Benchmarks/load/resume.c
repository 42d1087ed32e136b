// A load generator of new TLS connections: 16 threads, each connects, asks once, reads to the end and connects again.
// With `resume` every connection but a thread's first offers the ticket of the one before.
// usage: resume PORT PATH SECONDS [resume]; prints what wrk prints, plus how many handshakes were abbreviated.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { threads = 16 };
static SSL_CTX *context;
static int port, resumes, sessionSlot;
static const char *path;
static double deadline;
static atomic_long requests, reused, failures;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int keepSession(SSL *ssl, SSL_SESSION *session) {
    SSL_SESSION **slot = SSL_get_ex_data(ssl, sessionSlot);
    SSL_SESSION_free(*slot);
    *slot = session;
    return 1;
}

static int ask(SSL_SESSION **session) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    at.sin_port = htons((unsigned short)port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), isGood = 0;
    if (fd < 0) return 0;
    SSL *ssl = SSL_new(context);
    if (!connect(fd, (struct sockaddr *)&at, sizeof at)) {
        char text[512], answer[16384];
        SSL_set_fd(ssl, fd);
        SSL_set_ex_data(ssl, sessionSlot, session);
        if (resumes && *session) SSL_set_session(ssl, *session);
        int length = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
        if (SSL_connect(ssl) == 1 && SSL_write(ssl, text, length) == length) {
            int n = SSL_read(ssl, answer, sizeof answer);
            isGood = n > 12 && !memcmp(answer, "HTTP/1.1 200", 12);
            while (n > 0) n = SSL_read(ssl, answer, sizeof answer);
            if (SSL_session_reused(ssl)) atomic_fetch_add(&reused, 1);
        }
    }
    // As if close_notify had been exchanged; otherwise the library drops the session.
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl);
    close(fd);
    return isGood;
}

static void *run(void *unused) {
    SSL_SESSION *session = NULL;
    while (now() < deadline) atomic_fetch_add(ask(&session) ? &requests : &failures, 1);
    SSL_SESSION_free(session);
    return unused;
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    port = atoi(argv[1]);
    path = argv[2];
    resumes = argc > 4;
    context = SSL_CTX_new(TLS_client_method());
    sessionSlot = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keepSession);
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    double start = now();
    deadline = start + atof(argv[3]);
    pthread_t all[threads];
    for (int i = 0; i < threads; i++) pthread_create(&all[i], NULL, run, NULL);
    for (int i = 0; i < threads; i++) pthread_join(all[i], NULL);
    double took = now() - start;
    printf("%ld requests in %.2fs\nRequests/sec: %.2f\n", requests, took, (double)requests / took);
    printf("Resumed: %ld\n", reused);
    if (failures) printf("Socket errors: failed %ld\n", failures);
    return 0;
}
