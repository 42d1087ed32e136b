// The floor: a relay that looks at nothing. One epoll thread copies bytes between a client and an upstream connection
// of its own, so its cost is what the kernel asks for any proxied request. usage: floor LISTEN-PORT UPSTREAM-PORT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct end {
    int fd;
    struct pair *pair;
};

// Bytes that one side sent and the other has not taken yet.
struct rest {
    char *bytes;
    size_t count, sent;
};

struct pair {
    struct end ends[2];
    struct rest rests[2];   // rests[i] waits for ends[i]
    int isDead;
    struct pair *nextDead;
};

static char scratch[1 << 18];
static int poll_fd;
static struct pair *dead;

static int tcp(void) {
    return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    at.sin_port = htons((unsigned short)port);
    return at;
}

static void watch(int fd, void *what, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = what};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void endPair(struct pair *pair) {
    if (pair->isDead) return;
    pair->isDead = 1;
    for (int i = 0; i < 2; i++) {
        close(pair->ends[i].fd);
        free(pair->rests[i].bytes);
    }
    pair->nextDead = dead;
    dead = pair;
}

// 1: nothing is left, 0: the socket is full, -1: broken
static int flushRest(struct pair *pair, int side) {
    struct rest *rest = &pair->rests[side];
    while (rest->sent < rest->count) {
        ssize_t n = send(pair->ends[side].fd, rest->bytes + rest->sent, rest->count - rest->sent, MSG_NOSIGNAL);
        if (n < 0) return errno == EAGAIN ? 0 : -1;
        rest->sent += (size_t)n;
    }
    free(rest->bytes);
    *rest = (struct rest){0};
    return 1;
}

static int pass(struct pair *pair, int from) {
    int to = !from;
    while (!pair->rests[to].bytes) {
        ssize_t n = recv(pair->ends[from].fd, scratch, sizeof scratch, 0);
        if (n <= 0) return n < 0 && errno == EAGAIN ? 0 : -1;
        ssize_t sent = send(pair->ends[to].fd, scratch, (size_t)n, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN) return -1;
            sent = 0;
        }
        if (sent < n) {
            struct rest *rest = &pair->rests[to];
            rest->count = (size_t)(n - sent);
            rest->bytes = malloc(rest->count);
            if (!rest->bytes) exit(1);
            for (size_t i = 0; i < rest->count; i++) rest->bytes[i] = scratch[(size_t)sent + i];
        }
        if ((size_t)n < sizeof scratch) return 0;
    }
    return 0;
}

static void acceptAll(int listener, int upstreamPort) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct pair *pair = calloc(1, sizeof *pair);
        struct sockaddr_in to = loopback(upstreamPort);
        if (!pair) exit(1);
        pair->ends[0] = (struct end){fd, pair};
        pair->ends[1] = (struct end){tcp(), pair};
        for (int i = 0; i < 2; i++) setsockopt(pair->ends[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connect(pair->ends[1].fd, (struct sockaddr *)&to, sizeof to);
        for (int i = 0; i < 2; i++)
            watch(pair->ends[i].fd, &pair->ends[i], EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP);
    }
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    signal(SIGPIPE, SIG_IGN);
    int on = 1, listener = tcp(), upstreamPort = atoi(argv[2]);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in at = loopback(atoi(argv[1]));
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) {
        perror("floor");
        return 1;
    }
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    watch(listener, NULL, EPOLLIN);
    struct epoll_event ready[256];
    for (;;) {
        int count = epoll_wait(poll_fd, ready, 256, -1);
        for (int i = 0; i < count; i++) {
            struct end *end = ready[i].data.ptr;
            if (!end) {
                acceptAll(listener, upstreamPort);
                continue;
            }
            struct pair *pair = end->pair;
            if (pair->isDead) continue;
            int side = end != &pair->ends[0];
            int left = pair->rests[side].bytes ? flushRest(pair, side) : 0;
            // A writable edge lets the other side be read again.
            if (left < 0 || (left > 0 && pass(pair, !side) < 0)) endPair(pair);
            else if (ready[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR) && pass(pair, side) < 0)
                endPair(pair);
        }
        while (dead) {
            struct pair *next = dead->nextDead;
            free(dead);
            dead = next;
        }
    }
}
