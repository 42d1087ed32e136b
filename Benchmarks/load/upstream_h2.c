// The HTTP/2 server behind the proxies (h2c with prior knowledge): one epoll thread, canned answers.
// A request of type application/grpc gets one message of 100 bytes and grpc-status 0 in trailers, any other 1 KiB.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIELD(n, v) {(uint8_t *)n, (uint8_t *)v, sizeof n - 1, sizeof v - 1, 0}
enum { bodyCount = 1024, messageCount = 105 };

struct peer {
    int fd;
    nghttp2_session *session;
    const uint8_t *unsent;
    size_t unsentCount;
};

static uint8_t body[bodyCount], message[messageCount];
static char isGRPC;

static ssize_t readBody(nghttp2_session *session, int32_t stream, uint8_t *out, size_t room, uint32_t *flags,
                        nghttp2_data_source *source, void *context) {
    (void)session, (void)stream, (void)source, (void)context;
    if (room < bodyCount) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    memcpy(out, body, bodyCount);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return bodyCount;
}

static ssize_t readMessage(nghttp2_session *session, int32_t stream, uint8_t *out, size_t room, uint32_t *flags,
                           nghttp2_data_source *source, void *context) {
    (void)source, (void)context;
    if (room < messageCount) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    memcpy(out, message, messageCount);
    nghttp2_nv trailers[] = {FIELD("grpc-status", "0")};
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    nghttp2_submit_trailer(session, stream, trailers, 1);
    return messageCount;
}

static int onHeader(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t nameCount,
                    const uint8_t *value, size_t valueCount, uint8_t flags, void *context) {
    (void)flags, (void)context;
    if (nameCount == 12 && !memcmp(name, "content-type", 12) && valueCount >= 16
        && !memcmp(value, "application/grpc", 16))
        nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, &isGRPC);
    return 0;
}

static int onFrame(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
    (void)context;
    int isRequest = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!isRequest || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
    int32_t stream = frame->hd.stream_id;
    if (nghttp2_session_get_stream_user_data(session, stream)) {
        nghttp2_nv fields[] = {FIELD(":status", "200"), FIELD("content-type", "application/grpc")};
        nghttp2_data_provider source = {.read_callback = readMessage};
        return nghttp2_submit_response(session, stream, fields, 2, &source);
    }
    nghttp2_nv fields[] = {FIELD(":status", "200"), FIELD("server", "bench"),
                           FIELD("date", "Mon, 23 Nov 2026 00:00:00 GMT"),
                           FIELD("content-type", "application/octet-stream"), FIELD("cache-control", "no-cache"),
                           FIELD("content-length", "1024")};
    nghttp2_data_provider source = {.read_callback = readBody};
    return nghttp2_submit_response(session, stream, fields, 6, &source);
}

static int flushPeer(struct peer *p) {
    for (;;) {
        static uint8_t gathered[1 << 18];
        if (!p->unsentCount) {
            size_t count = 0;
            while (count + 20000 < sizeof gathered) {
                const uint8_t *bytes;
                ssize_t n = nghttp2_session_mem_send(p->session, &bytes);
                if (n < 0) return -1;
                if (n == 0) break;
                memcpy(gathered + count, bytes, (size_t)n);
                count += (size_t)n;
            }
            if (!count) return nghttp2_session_want_read(p->session) ? 0 : -1;
            ssize_t sent = send(p->fd, gathered, count, MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN) return -1;
            if (sent < 0) sent = 0;
            if ((size_t)sent == count) continue;
            uint8_t *rest = malloc(count - (size_t)sent);
            if (!rest) exit(1);
            memcpy(rest, gathered + sent, count - (size_t)sent);
            p->unsent = rest;
            p->unsentCount = count - (size_t)sent;
            return 0;
        }
        ssize_t sent = send(p->fd, p->unsent, p->unsentCount, MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN ? 0 : -1;
        if ((size_t)sent == p->unsentCount) {
            free((void *)p->unsent);
            p->unsentCount = 0;
        } else {
            memmove((void *)p->unsent, p->unsent + sent, p->unsentCount - (size_t)sent);
            p->unsentCount -= (size_t)sent;
        }
    }
}

static int servePeer(struct peer *p) {
    static uint8_t bytes[1 << 17];
    for (;;) {
        ssize_t n = recv(p->fd, bytes, sizeof bytes, 0);
        if (n == 0) return -1;
        if (n < 0) {
            if (errno != EAGAIN) return -1;
            break;
        }
        if (nghttp2_session_mem_recv(p->session, bytes, (size_t)n) < 0) return -1;
        if ((size_t)n < sizeof bytes) break;
    }
    return flushPeer(p);
}

static void acceptAll(int listener, int poll, nghttp2_session_callbacks *callbacks) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct peer *p = calloc(1, sizeof *p);
        if (!p) exit(1);
        p->fd = fd;
        nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1000}};
        if (nghttp2_session_server_new(&p->session, callbacks, p)) exit(1);
        nghttp2_submit_settings(p->session, NGHTTP2_FLAG_NONE, settings, 1);
        struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP, .data.ptr = p};
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &e);
    }
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    memset(body, 'x', sizeof body);
    memset(message, 'm', sizeof message);
    memcpy(message, "\0\0\0\0\x64", 5);
    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, onHeader);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, onFrame);
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    at.sin_port = htons((unsigned short)(argc > 1 ? atoi(argv[1]) : 0));
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) {
        perror("upstream_h2");
        return 1;
    }
    int poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, ready[256];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(poll, ready, 256, -1);
        for (int i = 0; i < count; i++) {
            struct peer *p = ready[i].data.ptr;
            if (!p) {
                acceptAll(listener, poll, callbacks);
            } else if (servePeer(p) < 0) {
                close(p->fd);
                nghttp2_session_del(p->session);
                if (p->unsentCount) free((void *)p->unsent);
                free(p);
            }
        }
    }
}
