// The system headers every doorway header needs. No _GNU_SOURCE here: Swift's own Glibc module is built without it, and two
// modules that define a struct differently cannot be imported together. What needs it lives in the .c files.
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline int gh_errno(void) { return errno; }

static inline double gh_power(double base, double exponent) { return __builtin_pow(base, exponent); }
