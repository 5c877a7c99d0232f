/*
 * Faults below the worker, between it and the C library, for the stories of F51 to F53 and F58: a disk that is full,
 * read-only or stuck, a power cut in the middle of a checkpoint, a clock that jumps, names that do not resolve.
 *
 * Loaded with LD_PRELOAD. A file that BINDERY_SHIM names is mapped; the story writes what is to go wrong into it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { HEALTHY = 0, FULL = 1, READ_ONLY = 2, STUCK = 3, CUT_IN_CHECKPOINT = 4 };
enum { RESOLVES = 0, FAILS = 1, BLACK_HOLE_FIRST = 2 };

/* As `Shim` in shim.rs writes it. */
struct orders {
	volatile int64_t clock_ahead_seconds;
	volatile int32_t disk;
	volatile int32_t names;
};

static struct orders none;
static struct orders *orders = &none;

__attribute__((constructor)) static void map_orders(void)
{
	const char *path = getenv("BINDERY_SHIM");
	int fd = path ? open(path, O_RDONLY) : -1;
	void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, fd, 0);
	if (mapped != MAP_FAILED)
		orders = mapped;
	if (fd >= 0)
		close(fd);
}

/* 1 for a file of the journal, 2 for the database itself rather than its log. */
static int journal(int fd)
{
	char link[64], path[4096];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, sizeof path - 1);
	if (length <= 0)
		return 0;
	path[length] = 0;
	const char *name = strstr(path, "/bindery.db");
	if (!name || strstr(name, "lock"))
		return 0;
	return strcmp(name, "/bindery.db") == 0 ? 2 : 1;
}

static int refused(int fd)
{
	int disk = orders->disk;
	if (disk == HEALTHY || disk == CUT_IN_CHECKPOINT || !journal(fd))
		return 0;
	while (orders->disk == STUCK)
		usleep(10000);
	if (disk == STUCK)
		return 0;
	errno = disk == FULL ? ENOSPC : EROFS;
	return 1;
}

/* Half of it is on the disk, and then the lights go out. */
static int cut(int fd)
{
	return orders->disk == CUT_IN_CHECKPOINT && journal(fd) == 2;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t count)
{
	if (orders->disk != HEALTHY && refused(fd))
		return -1;
	if (cut(fd)) {
		REAL(write)(fd, bytes, count / 2);
		kill(getpid(), SIGKILL);
	}
	return REAL(write)(fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at)
{
	if (orders->disk != HEALTHY && refused(fd))
		return -1;
	if (cut(fd)) {
		REAL(pwrite64)(fd, bytes, count / 2, at);
		kill(getpid(), SIGKILL);
	}
	return REAL(pwrite64)(fd, bytes, count, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at)
{
	return pwrite64(fd, bytes, count, at);
}

int fsync(int fd)
{
	return orders->disk != HEALTHY && refused(fd) ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
	return orders->disk != HEALTHY && refused(fd) ? -1 : REAL(fdatasync)(fd);
}

int clock_gettime(clockid_t which, struct timespec *now)
{
	int done = REAL(clock_gettime)(which, now);
	if (done == 0 && which == CLOCK_REALTIME)
		now->tv_sec += orders->clock_ahead_seconds;
	return done;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	if (!host || strcmp(host, "graph.story") != 0)
		return REAL(getaddrinfo)(host, service, hints, found);
	if (orders->names == FAILS)
		return EAI_AGAIN;
	int done = REAL(getaddrinfo)("127.0.0.1", service, hints, found);
	if (done != 0 || orders->names != BLACK_HOLE_FIRST)
		return done;
	struct addrinfo *first = NULL;
	done = REAL(getaddrinfo)("::1", service, hints, &first);
	if (done == 0) {
		struct addrinfo *last = first;
		while (last->ai_next)
			last = last->ai_next;
		last->ai_next = *found;
		*found = first;
	}
	return done;
}
