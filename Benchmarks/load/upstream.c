// The server behind the proxies: one thread, epoll, HTTP/1.1 keep-alive, three canned answers.
// GET /1m answers 1 MiB, GET /chunked 1 KiB in two chunks, anything else 1 KiB. A request body with a content-length
// is dropped. Cheap on purpose: it shares its core with the load generator.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct answer {
    char *bytes;
    size_t count;
};

struct peer {
    int fd;
    size_t held;            // bytes of request heads not yet answered
    size_t bodyLeft;        // bytes of a request body still to be dropped; then the answer follows
    struct answer *next;
    const char *unsent;     // rest of the answer in progress
    size_t unsentCount;
    char heads[32768];
};

static struct answer small, large, chunked;

static struct answer makeAnswer(size_t bodyBytes) {
    struct answer a;
    a.bytes = malloc(bodyBytes + 256);
    if (!a.bytes) exit(1);
    int head = sprintf(a.bytes,
                       "HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Mon, 23 Nov 2026 00:00:00 GMT\r\n"
                       "Content-Type: application/octet-stream\r\nCache-Control: no-cache\r\n"
                       "Content-Length: %zu\r\n\r\n", bodyBytes);
    memset(a.bytes + head, 'x', bodyBytes);
    a.count = (size_t)head + bodyBytes;
    return a;
}

static struct answer makeChunked(void) {
    struct answer a;
    a.bytes = malloc(2048);
    if (!a.bytes) exit(1);
    char half[513];
    memset(half, 'x', 512);
    half[512] = 0;
    a.count = (size_t)sprintf(a.bytes,
                              "HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Mon, 23 Nov 2026 00:00:00 GMT\r\n"
                              "Content-Type: application/octet-stream\r\nCache-Control: no-cache\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n200\r\n%s\r\n200\r\n%s\r\n0\r\n\r\n", half, half);
    return a;
}

static size_t contentLength(char *head, char *end) {
    for (char *line = head; line < end;) {
        if (!strncasecmp(line, "content-length:", 15)) return strtoul(line + 15, NULL, 10);
        char *feed = memchr(line, '\n', (size_t)(end - line));
        if (!feed) return 0;
        line = feed + 1;
    }
    return 0;
}

// 1: all sent, 0: the socket is full, -1: broken
static int flushPeer(struct peer *p) {
    while (p->unsentCount) {
        ssize_t n = send(p->fd, p->unsent, p->unsentCount, MSG_NOSIGNAL);
        if (n < 0) return errno == EAGAIN ? 0 : -1;
        p->unsent += n;
        p->unsentCount -= (size_t)n;
    }
    return 1;
}

static void drop(struct peer *p, size_t count) {
    memmove(p->heads, p->heads + count, p->held - count);
    p->held -= count;
}

static int answerHeads(struct peer *p) {
    while (!p->unsentCount) {
        if (!p->next) {
            char *end = memmem(p->heads, p->held, "\r\n\r\n", 4);
            if (!end) return p->held == sizeof p->heads ? -1 : 0;
            p->next = &small;
            if (p->held > 7 && !memcmp(p->heads, "GET /1m", 7)) p->next = &large;
            if (p->held > 12 && !memcmp(p->heads, "GET /chunked", 12)) p->next = &chunked;
            if (p->heads[0] == 'P') p->bodyLeft = contentLength(p->heads, end);
            drop(p, (size_t)(end + 4 - p->heads));
        }
        size_t body = p->bodyLeft < p->held ? p->bodyLeft : p->held;
        drop(p, body);
        p->bodyLeft -= body;
        if (p->bodyLeft) return 0;
        p->unsent = p->next->bytes;
        p->unsentCount = p->next->count;
        p->next = NULL;
        if (flushPeer(p) < 0) return -1;
    }
    return 0;
}

static int servePeer(struct peer *p) {
    if (flushPeer(p) < 0 || answerHeads(p) < 0) return -1;
    while (!p->unsentCount) {
        size_t room = sizeof p->heads - p->held;
        ssize_t n = recv(p->fd, p->heads + p->held, room, 0);
        if (n == 0) return -1;
        if (n < 0) return errno == EAGAIN ? 0 : -1;
        p->held += (size_t)n;
        if (answerHeads(p) < 0) return -1;
        if ((size_t)n < room) return 0;
    }
    return 0;
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    small = makeAnswer(1024);
    large = makeAnswer(1 << 20);
    chunked = makeChunked();
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    at.sin_port = htons((unsigned short)(argc > 1 ? atoi(argv[1]) : 0));
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) {
        perror("upstream");
        return 1;
    }
    int poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, ready[256];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(poll, ready, 256, -1);
        for (int i = 0; i < count; i++) {
            struct peer *p = ready[i].data.ptr;
            if (p) {
                if (servePeer(p) < 0) {
                    close(p->fd);
                    free(p);
                }
                continue;
            }
            int fd;
            while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                p = calloc(1, sizeof *p);
                if (!p) exit(1);
                p->fd = fd;
                struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP, .data.ptr = p};
                epoll_ctl(poll, EPOLL_CTL_ADD, fd, &e);
            }
        }
    }
}
