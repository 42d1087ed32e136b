// Sockets and epoll in plain integers: socket addresses, packed structs, macros and glibc's enum types stay in C.
#pragma once
#include "gh_includes.h"

/// An address without sockaddr: family 4, 6 or 1 (unix). Halves and port in host order; IPv4 fills the upper half of `high`.
struct gh_address {
    unsigned long long high, low;
    unsigned short port;
    unsigned char family;
};

static inline void gh_address_read(const struct sockaddr_storage *s, struct gh_address *a) {
    memset(a, 0, sizeof *a);
    if (s->ss_family == AF_INET) {
        const struct sockaddr_in *i = (const struct sockaddr_in *)s;
        a->family = 4;
        a->high = (unsigned long long)ntohl(i->sin_addr.s_addr) << 32;
        a->port = ntohs(i->sin_port);
    } else if (s->ss_family == AF_INET6) {
        const struct sockaddr_in6 *i = (const struct sockaddr_in6 *)s;
        unsigned long long half[2];
        memcpy(half, &i->sin6_addr, 16);
        a->family = 6;
        a->high = __builtin_bswap64(half[0]);
        a->low = __builtin_bswap64(half[1]);
        a->port = ntohs(i->sin6_port);
    } else {
        a->family = 1;
    }
}

static inline socklen_t gh_address_write(const struct gh_address *a, const char *path, struct sockaddr_storage *s) {
    memset(s, 0, sizeof *s);
    if (a->family == 4) {
        struct sockaddr_in *i = (struct sockaddr_in *)s;
        i->sin_family = AF_INET;
        i->sin_addr.s_addr = htonl((unsigned)(a->high >> 32));
        i->sin_port = htons(a->port);
        return sizeof *i;
    }
    if (a->family == 6) {
        struct sockaddr_in6 *i = (struct sockaddr_in6 *)s;
        unsigned long long half[2] = {__builtin_bswap64(a->high), __builtin_bswap64(a->low)};
        i->sin6_family = AF_INET6;
        memcpy(&i->sin6_addr, half, 16);
        i->sin6_port = htons(a->port);
        return sizeof *i;
    }
    struct sockaddr_un *u = (struct sockaddr_un *)s;
    size_t n = path ? strlen(path) : 0;
    if (n == 0 || n >= sizeof u->sun_path) return 0;
    u->sun_family = AF_UNIX;
    memcpy(u->sun_path, path, n + 1);
    return (socklen_t)sizeof *u;
}

static inline int gh_socket(const struct gh_address *a) {
    int domain = a->family == 4 ? AF_INET : a->family == 6 ? AF_INET6 : AF_UNIX;
    return socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/// TCP_NODELAY on the listener is inherited by what it accepts: no setsockopt per connection.
static inline int gh_listen(const struct gh_address *a, const char *path, int reuse_port, int backlog) {
    struct sockaddr_storage s;
    socklen_t n = gh_address_write(a, path, &s);
    int one = 1, zero = 0, fd, saved;
    if (n == 0) { errno = EINVAL; return -1; }
    fd = gh_socket(a);
    if (fd < 0) return -1;
    if (a->family != 1) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (reuse_port) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (a->family == 6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    }
    if (bind(fd, (struct sockaddr *)&s, n) || listen(fd, backlog)) {
        saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

/// A non-blocking accepted descriptor and the peer's address, or -1 with errno.
int gh_accept(int listener, struct gh_address *peer);

/// A connecting socket, or -1. `*pending` is 1 while the handshake runs; EPOLLOUT then tells its end.
static inline int gh_connect(const struct gh_address *a, const char *path, const struct gh_address *from, int *pending) {
    struct sockaddr_storage s, f;
    socklen_t n = gh_address_write(a, path, &s), m;
    int one = 1, fd, saved;
    if (n == 0) { errno = EINVAL; return -1; }
    fd = gh_socket(a);
    if (fd < 0) return -1;
    if (a->family != 1) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    *pending = 0;
    if (from && from->family == a->family) {
        m = gh_address_write(from, 0, &f);
        if (bind(fd, (struct sockaddr *)&f, m)) goto fail;
    }
    if (connect(fd, (struct sockaddr *)&s, n) == 0) return fd;
    if (errno == EINPROGRESS) { *pending = 1; return fd; }
fail:
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static inline int gh_local_address(int fd, struct gh_address *a) {
    struct sockaddr_storage s;
    socklen_t n = sizeof s;
    if (getsockname(fd, (struct sockaddr *)&s, &n)) return -1;
    gh_address_read(&s, a);
    return 0;
}

static inline int gh_peer_address(int fd, struct gh_address *a) {
    struct sockaddr_storage s;
    socklen_t n = sizeof s;
    if (getpeername(fd, (struct sockaddr *)&s, &n)) return -1;
    gh_address_read(&s, a);
    return 0;
}

/// The process at the other end of a unix socket when it connected; -1 for any other socket.
int gh_peer_pid(int fd);

/// The address a transparently redirected connection was meant for (SO_ORIGINAL_DST, IPv4); -1 when there is none.
static inline int gh_original_destination(int fd, struct gh_address *a) {
    struct sockaddr_storage s;
    socklen_t n = sizeof(struct sockaddr_in);
    memset(&s, 0, sizeof s);
    if (getsockopt(fd, SOL_IP, 80, &s, &n)) return -1;
    gh_address_read(&s, a);
    return 0;
}

static inline int gh_socket_error(int fd) {
    int e = 0;
    socklen_t n = sizeof e;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n)) return errno;
    return e;
}

/// Makes the next close() send RST instead of FIN.
static inline void gh_reset_on_close(int fd) {
    struct linger l = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
}

static inline void gh_keepalive(int fd, int idle, int interval, int probes) {
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

static inline long gh_send(int fd, const void *p, size_t n) { return send(fd, p, n, MSG_NOSIGNAL); }

/// As above, for bytes that a shutdown or close follows at once: FIN then shares their packet.
static inline long gh_send_last(int fd, const void *p, size_t n) { return send(fd, p, n, MSG_NOSIGNAL | MSG_MORE); }

static inline long gh_send2(int fd, const void *p, size_t n, const void *q, size_t m) {
    struct iovec v[2] = {{(void *)p, n}, {(void *)q, m}};
    struct msghdr h;
    memset(&h, 0, sizeof h);
    h.msg_iov = v;
    h.msg_iovlen = 2;
    return sendmsg(fd, &h, MSG_NOSIGNAL);
}

/// One integer option; 0, or -1 with errno.
static inline int gh_set_option(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof value);
}

static inline void gh_set_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL, 0);
    if (flags >= 0) (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static inline long gh_recv(int fd, void *p, size_t n) { return recv(fd, p, n, 0); }

static inline void gh_close(int fd) { close(fd); }

/// A connected pair of non-blocking byte streams with close-on-exec set; 0, or -1 with errno.
static inline int gh_stream_pair(int fds[2]) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);
}

static inline int gh_shutdown_write(int fd) { return shutdown(fd, SHUT_WR); }

static const unsigned gh_epoll_in = EPOLLIN, gh_epoll_out = EPOLLOUT, gh_epoll_rdhup = EPOLLRDHUP;
static const unsigned gh_epoll_err = EPOLLERR, gh_epoll_hup = EPOLLHUP, gh_epoll_edge = 1u << 31;

static inline int gh_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

static inline int gh_epoll_control(int ep, int op, int fd, unsigned events, void *data) {
    struct epoll_event e;
    e.events = events;
    e.data.ptr = data;
    return epoll_ctl(ep, op, fd, &e);
}
static const int gh_epoll_add = EPOLL_CTL_ADD, gh_epoll_modify = EPOLL_CTL_MOD, gh_epoll_delete = EPOLL_CTL_DEL;

static inline int gh_epoll_wait(int ep, struct epoll_event *events, int count, int timeout_ms) {
    return epoll_wait(ep, events, count, timeout_ms);
}
static inline unsigned gh_event_bits(const struct epoll_event *e) { return e->events; }
static inline void *gh_event_data(const struct epoll_event *e) { return e->data.ptr; }

static inline int gh_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
static inline void gh_eventfd_signal(int fd) {
    unsigned long long one = 1;
    while (write(fd, &one, sizeof one) < 0 && errno == EINTR) {}
}
static inline void gh_eventfd_clear(int fd) {
    unsigned long long value;
    while (read(fd, &value, sizeof value) < 0 && errno == EINTR) {}
}
static inline void gh_ignore_sigpipe(void) { signal(SIGPIPE, SIG_IGN); }
