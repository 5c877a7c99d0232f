/* A slow disk: every fsync and fdatasync of the program takes 2 ms more. Preloaded by the bench.
 * At its end it writes how many there were to the file that BENCH_FSYNCS names. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static atomic_long syncs;

static int slowly(const char *name, int file)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    struct timespec more = {0, 2 * 1000 * 1000};

    atomic_fetch_add(&syncs, 1);
    nanosleep(&more, NULL);
    return real(file);
}

int fsync(int file) { return slowly("fsync", file); }

int fdatasync(int file) { return slowly("fdatasync", file); }

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("BENCH_FSYNCS");
    FILE *out = path ? fopen(path, "w") : NULL;

    if (out) {
        fprintf(out, "%ld\n", atomic_load(&syncs));
        fclose(out);
    }
}
