#define _GNU_SOURCE
#include "CClock.h"

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

static _Atomic int64_t ahead, wall;

void clock_set_ahead(int64_t nanoseconds) { ahead = nanoseconds; }
void clock_set_wall(int64_t nanoseconds) { wall = nanoseconds; }
size_t clock_heap_bytes(void) { return mallinfo2().uordblks; }

// The same names as in the C library, which is looked at after the program.
int clock_gettime(clockid_t clock, struct timespec *time) {
  static int (*_Atomic known)(clockid_t, struct timespec *);
  int (*real)(clockid_t, struct timespec *) = known;
  if (!real) known = real = dlsym(RTLD_NEXT, "clock_gettime");
  int code = real(clock, time);
  if (code != 0) return code;
  int64_t more = 0;
  switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE: more = ahead + wall; break;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME: more = ahead; break;
    default: return 0;
  }
  if (more == 0) return 0;
  int64_t sum = time->tv_nsec + more % 1000000000;
  time->tv_sec += more / 1000000000 + (sum >= 1000000000) - (sum < 0);
  time->tv_nsec = sum < 0 ? sum + 1000000000 : sum % 1000000000;
  return 0;
}

static int is_reactor(void) {
  static _Thread_local int known = -1;
  if (known < 0) {
    char name[16] = "";
    pthread_getname_np(pthread_self(), name, sizeof name);
    known = strncmp(name, "reactor", 7) == 0;
  }
  return known;
}

int epoll_wait(int epoll, struct epoll_event *events, int room, int timeout) {
  static int (*_Atomic known)(int, struct epoll_event *, int, int);
  int (*real)(int, struct epoll_event *, int, int) = known;
  if (!real) known = real = dlsym(RTLD_NEXT, "epoll_wait");
  if (ahead != 0 && (timeout < 0 || timeout > 2) && is_reactor()) timeout = 2;
  return real(epoll, events, room, timeout);
}
