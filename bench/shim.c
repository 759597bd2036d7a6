/* Counts what a process tree syncs to disk, and makes each sync slower when told. Preloaded by bench/shim.py.
 * $BENCH_SHIM names a file of two 64-bit numbers shared with the bench: how many syncs, microseconds to add to each. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile long *shared;

__attribute__((constructor)) static void map_shared(void)
{
    const char *path = getenv("BENCH_SHIM");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (page != MAP_FAILED)
        shared = page;
}

static void count_and_wait(void)
{
    if (!shared)
        return;
    __atomic_add_fetch(&shared[0], 1, __ATOMIC_RELAXED);
    long micros = shared[1];
    if (micros > 0) {
        struct timespec pause = {micros / 1000000, micros % 1000000 * 1000};
        nanosleep(&pause, NULL);
    }
}

int fsync(int fd)
{
    static int (*real)(int);
    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    count_and_wait();
    return real(fd);
}

int fdatasync(int fd)
{
    static int (*real)(int);
    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    count_and_wait();
    return real(fd);
}
