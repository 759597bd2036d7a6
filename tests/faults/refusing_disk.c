/* A disk that refuses to be written, for the fault tests: preloaded into the daemon (LD_PRELOAD), below Python and
   SQLite. It needs no root and no file system of its own.

   What would change a file whose path matches a pattern fails with an errno, both as a page of memory shared with the
   test says (tests/faults/refusing.py). With EROFS, statvfs(3) tells that the disk is read-only. What is only read is
   never refused. A file that is open already is refused as well: ext4 does the same when it turns itself read-only
   after an error of the device, which mount(8) cannot do to a file system in use. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct control {
  volatile int64_t error;      /* 0: nothing is refused */
  volatile int64_t refused;    /* counted */
  char pattern[512];           /* fnmatch(3) of whole paths */
};

static struct control *control;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("REFUSING_CONTROL");
  int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped != MAP_FAILED) control = mapped;
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

static int refuses(const char *path) {
  if (!control || !control->error || !path || fnmatch(control->pattern, path, 0) != 0) return 0;
  __sync_fetch_and_add(&control->refused, 1);
  errno = (int)control->error;
  return 1;
}

static int refuses_fd(int fd) {
  char name[64], path[PATH_MAX];
  if (!control || !control->error) return 0;
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(name, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return refuses(path);
}

/* What a full disk still does: opening what is there, shrinking, removing. A read-only one does none of it. */
static int refuses_if_read_only(const char *path) { return control && control->error == EROFS && refuses(path); }

static int refuses_open(const char *path, int flags) {
  if ((flags & O_ACCMODE) == O_RDONLY && !(flags & (O_CREAT | O_TRUNC))) return 0;
  if (refuses_if_read_only(path)) return 1;
  return (flags & O_CREAT) && access(path, F_OK) != 0 && refuses(path);
}

#define MODE(flags, last) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, last); mode = va_arg(more, mode_t); va_end(more); }

int open(const char *path, int flags, ...) {
  MODE(flags, flags)
  return refuses_open(path, flags) ? -1 : REAL(open)(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  MODE(flags, flags)
  return refuses_open(path, flags) ? -1 : REAL(open64)(path, flags, mode);
}
int openat(int folder, const char *path, int flags, ...) {
  MODE(flags, flags)
  return refuses_open(path, flags) ? -1 : REAL(openat)(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
  MODE(flags, flags)
  return refuses_open(path, flags) ? -1 : REAL(openat64)(folder, path, flags, mode);
}
ssize_t write(int fd, const void *octets, size_t count) {
  return refuses_fd(fd) ? -1 : REAL(write)(fd, octets, count);
}
ssize_t pwrite(int fd, const void *octets, size_t count, off_t at) {
  return refuses_fd(fd) ? -1 : REAL(pwrite)(fd, octets, count, at);
}
ssize_t pwrite64(int fd, const void *octets, size_t count, off64_t at) {
  return refuses_fd(fd) ? -1 : REAL(pwrite64)(fd, octets, count, at);
}
int posix_fallocate(int fd, off_t at, off_t length) {
  return refuses_fd(fd) ? errno : REAL(posix_fallocate)(fd, at, length);
}
int posix_fallocate64(int fd, off64_t at, off64_t length) {
  return refuses_fd(fd) ? errno : REAL(posix_fallocate64)(fd, at, length);
}
int ftruncate(int fd, off_t length) {
  return control && control->error == EROFS && refuses_fd(fd) ? -1 : REAL(ftruncate)(fd, length);
}
int ftruncate64(int fd, off64_t length) {
  return control && control->error == EROFS && refuses_fd(fd) ? -1 : REAL(ftruncate64)(fd, length);
}
int mkdir(const char *path, mode_t mode) { return refuses(path) ? -1 : REAL(mkdir)(path, mode); }
int unlink(const char *path) { return refuses_if_read_only(path) ? -1 : REAL(unlink)(path); }
int rename(const char *from, const char *to) { return refuses(to) ? -1 : REAL(rename)(from, to); }

static int read_only(const char *path) {
  char below[PATH_MAX];
  if (!control || control->error != EROFS) return 0;
  snprintf(below, sizeof below, "%s/x", path);
  return fnmatch(control->pattern, below, 0) == 0;
}
int statvfs(const char *path, struct statvfs *found) {
  int result = REAL(statvfs)(path, found);
  if (result == 0 && read_only(path)) found->f_flag |= ST_RDONLY;
  return result;
}
int statvfs64(const char *path, struct statvfs64 *found) {
  int result = REAL(statvfs64)(path, found);
  if (result == 0 && read_only(path)) found->f_flag |= ST_RDONLY;
  return result;
}
