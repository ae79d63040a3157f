/* Preloaded into a worker: numbers the system calls that change files under one directory, and kills or stops the
 * process before one of them, or makes them fail. What it does is said by the environment:
 *   ORGCONNECT_FAULT_UNDER  the directory
 *   ORGCONNECT_FAULT_ARMED  a file; calls count while it exists
 *   ORGCONNECT_FAULT_KILL   the number of the call before which the process is killed
 *   ORGCONNECT_FAULT_STOP   the number of the call before which it is stopped
 *   ORGCONNECT_FAULT_ERRNO  the error with which every call that writes fails instead
 *   ORGCONNECT_FAULT_LOG    a file to which the name of each call is added
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static long count;

static int under(const char *path) {
    const char *directory = getenv("ORGCONNECT_FAULT_UNDER");
    return directory && path && strncmp(path, directory, strlen(directory)) == 0;
}

static int fd_under(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return under(path);
}

/* Counts a call. Nonzero: it fails, with errno set. */
static int step(const char *name, int writes) {
    const char *armed = getenv("ORGCONNECT_FAULT_ARMED");
    if (!armed || syscall(SYS_access, armed, F_OK) != 0) { errno = 0; return 0; }
    long number = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
    const char *log = getenv("ORGCONNECT_FAULT_LOG");
    if (log) {
        int fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT, 0600);
        char line[64];
        int length = snprintf(line, sizeof line, "%ld %s\n", number, name);
        if (fd >= 0) { if (syscall(SYS_write, fd, line, length)) {} syscall(SYS_close, fd); }
    }
    const char *kill_at = getenv("ORGCONNECT_FAULT_KILL");
    if (kill_at && atol(kill_at) == number) raise(SIGKILL);
    const char *stop_at = getenv("ORGCONNECT_FAULT_STOP");
    if (stop_at && atol(stop_at) == number) raise(SIGSTOP);
    const char *error = getenv("ORGCONNECT_FAULT_ERRNO");
    if (error && writes) { errno = atoi(error); return 1; }
    errno = 0;
    return 0;
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *bytes, size_t length) {
    REAL(write);
    if (fd > 2 && fd_under(fd) && step("write", 1)) return -1;
    return real(fd, bytes, length);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    REAL(pwrite);
    if (fd_under(fd) && step("pwrite", 1)) return -1;
    return real(fd, bytes, length, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    REAL(pwrite64);
    if (fd_under(fd) && step("pwrite", 1)) return -1;
    return real(fd, bytes, length, at);
}
int fsync(int fd) {
    REAL(fsync);
    if (fd_under(fd) && step("fsync", 1)) return -1;
    return real(fd);
}
int fdatasync(int fd) {
    REAL(fdatasync);
    if (fd_under(fd) && step("fdatasync", 1)) return -1;
    return real(fd);
}
int ftruncate(int fd, off_t length) {
    REAL(ftruncate);
    if (fd_under(fd) && step("ftruncate", 1)) return -1;
    return real(fd, length);
}
int ftruncate64(int fd, off64_t length) {
    REAL(ftruncate64);
    if (fd_under(fd) && step("ftruncate", 1)) return -1;
    return real(fd, length);
}
int flock(int fd, int operation) {
    extern int flock(int, int);
    REAL(flock);
    if (fd_under(fd) && step("flock", 0)) return -1;
    return real(fd, operation);
}
int rename(const char *from, const char *to) {
    REAL(rename);
    if (under(to) && step("rename", 1)) return -1;
    return real(from, to);
}
int unlink(const char *path) {
    REAL(unlink);
    if (under(path) && step("unlink", 0)) return -1;
    return real(path);
}
int open(const char *path, int flags, ...) {
    REAL(open);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    if (under(path) && step(flags & O_CREAT ? "create" : "open", flags & O_CREAT ? 1 : 0)) return -1;
    return real(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    REAL(open64);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    if (under(path) && step(flags & O_CREAT ? "create" : "open", flags & O_CREAT ? 1 : 0)) return -1;
    return real(path, flags, mode);
}
