// Child processes and file descriptors between them: fork, execve, SCM_RIGHTS, signalfd.
#pragma once
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

/// Starts `path` with `link` as its descriptor 3, no other inherited descriptors above it but standard ones, all
/// signals unblocked, umask 077 and no way to gain privileges. Returns the pid, or -1 with errno.
int gh_spawn(const char *path, char *const argv[], int link);
/// Sends `length` bytes and `count` descriptors as one packet; 0, or -1 with errno.
int gh_send_descriptors(int fd, const void *bytes, size_t length, const int *fds, int count);
/// Receives one packet; descriptors go to `fds` (at most `capacity`), their number to `count`. Bytes, 0 at EOF, or -1.
long gh_receive_descriptors(int fd, void *bytes, size_t length, int *fds, int capacity, int *count);
/// Blocks SIGTERM, SIGINT, SIGHUP and SIGCHLD for the calling thread (and those it starts) and returns a signalfd.
int gh_signal_descriptor(int includeChildren);
/// The next signal of a signalfd, or 0 when none is pending.
int gh_next_signal(int fd);
/// A connected pair of SOCK_SEQPACKET sockets with close-on-exec set; 0, or -1.
int gh_packet_pair(int fds[2]);
/// A bound and listening TCP socket with SO_REUSEPORT and TCP_NODELAY; -1 with errno. `family` 4 or 6, bytes in network
/// order. With `backlog` 0 it is only bound, and unshared: a test of whether the address is free.
int gh_bind_tcp(int family, const unsigned char *address, unsigned short port, int backlog);

static inline int gh_wait_status(int pid, int *status, int noHang) { return waitpid(pid, status, noHang ? WNOHANG : 0); }
static inline int gh_exited_normally(int status) { return WIFEXITED(status); }
static inline int gh_exit_code(int status) { return WEXITSTATUS(status); }
static inline int gh_exit_signal(int status) { return WTERMSIG(status); }

/// A descriptor to read a file from, close-on-exec; -1 with errno. (`open` is variadic, which Swift does not import.)
static inline int gh_open_read(const char *path) { return open(path, O_RDONLY | O_CLOEXEC); }
/// A close-on-exec copy of a descriptor; -1 with errno.
static inline int gh_duplicate(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 3); }
/// A TCP port that is free on loopback now, or -1.
int gh_free_port(int ipv6);
/// Starts a program found along PATH with all signals unblocked and only the standard descriptors; its pid, or -1.
int gh_spawn_program(char *const argv[]);
/// A peer that closes early must not end the process.
void gh_ignore_broken_pipes(void);

static const int gh_limit_address_space = RLIMIT_AS;
static const int gh_limit_data = RLIMIT_DATA;
static const int gh_limit_descriptors = RLIMIT_NOFILE;

/// The soft limit; the greatest number when there is none.
static inline unsigned long gh_resource_limit(int which) {
    struct rlimit limit;
    if (getrlimit(which, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return ~0ul;
    return limit.rlim_cur;
}

/// Raises the soft limit of descriptors to the hard one.
static inline void gh_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/// How many descriptors this process has open, without opening one. Linux 6.2 tells it as a size; before, the lowest
/// free number is an estimate from below.
static inline long gh_open_descriptors(void) {
    struct stat info;
    if (stat("/proc/self/fd", &info) == 0 && info.st_size > 0) return info.st_size;
    int lowest = fcntl(2, F_DUPFD_CLOEXEC, 3);
    if (lowest < 0) return (long)gh_resource_limit(RLIMIT_NOFILE);
    close(lowest);
    return lowest;
}

static inline long gh_page_bytes(void) { return sysconf(_SC_PAGESIZE); }

/// Bytes of the heap that hold nothing, given back to the system or not. Walks the free lists.
static inline unsigned long gh_free_heap_bytes(void) { return mallinfo2().fordblks; }

/// Gives pages of the heap that hold nothing back to the system.
static inline void gh_trim_heap(void) { malloc_trim(0); }
