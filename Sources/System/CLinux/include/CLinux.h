// What Swift's Glibc module does not show: Linux's event and socket calls.
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

// epoll_event is packed on x86-64 and its data is a union; both are easier to keep in C.
static inline int scrape_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t tag) {
  struct epoll_event event = {.events = events, .data = {.u64 = tag}};
  return epoll_ctl(epoll, operation, fd, &event);
}
static inline uint64_t scrape_epoll_tag(const struct epoll_event *event) { return event->data.u64; }
static inline uint32_t scrape_epoll_events(const struct epoll_event *event) { return event->events; }
