#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "CSys.h"

int gh_accept(int listener, struct gh_address *peer) {
    struct sockaddr_storage s;
    socklen_t n = sizeof s;
    s.ss_family = AF_UNIX;
    int fd = accept4(listener, (struct sockaddr *)&s, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) gh_address_read(&s, peer);
    return fd;
}

int gh_peer_pid(int fd) {
    struct ucred c;
    socklen_t n = sizeof c;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) || c.pid <= 0) return -1;
    return c.pid;
}
