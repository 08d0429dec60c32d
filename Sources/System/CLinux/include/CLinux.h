// Linux's event calls, which Swift's Glibc module does not show.
//
// No feature macro may be defined here: it would change the types that Glibc has already declared.
#pragma once
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include "Seat.h"

// The flags are enums in glibc's headers; as plain integers they need no conversion.
static const int scrape_epoll_cloexec = EPOLL_CLOEXEC;
static const int scrape_eventfd_flags = EFD_CLOEXEC | EFD_NONBLOCK;

// epoll_event is packed on x86-64 and its data is a union; both are easier to keep in C.
static inline int scrape_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t tag) {
  struct epoll_event event = {.events = events, .data = {.u64 = tag}};
  return epoll_ctl(epoll, operation, fd, &event);
}
static inline uint64_t scrape_epoll_tag(const struct epoll_event *event) { return event->data.u64; }
static inline uint32_t scrape_epoll_events(const struct epoll_event *event) { return event->events; }

/// Names the calling thread, cut to 15 bytes, as `ps -L` shows it.
void scrape_name_thread(const char *name);

/// Makes the next SIGINT, SIGTERM or SIGHUP readable from the descriptor that is returned; -1 with errno
/// set. A second one ends the process.
///
/// A handler, and not signalfd: the runtime's main thread unblocks all signals when it parks, so a
/// blocked signal would still end the process.
int scrape_catch_signals(void);
/// A second descriptor for the same signals, after `scrape_catch_signals`.
int scrape_watch_signals(void);
/// Makes SIGHUP readable from a descriptor of its own, as often as it comes; -1 with errno set. An ignored
/// SIGHUP stays ignored. Call it after `scrape_catch_signals`.
int scrape_catch_hangups(void);
/// Restores the default: the next signal ends the process.
void scrape_release_signals(void);

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

/// A descriptor that is readable once the process has ended; -1 with errno set. See pidfd_open(2).
static inline int scrape_process_descriptor(int process) {
  return (int)syscall(SYS_pidfd_open, process, 0);
}
/// Sends a signal to the process of that descriptor, and to no other that has its number now; -1 with
/// errno set. See pidfd_send_signal(2).
static inline int scrape_process_signal(int descriptor, int number) {
  return (int)syscall(SYS_pidfd_send_signal, descriptor, number, 0, 0);
}

/// Whether the kernel reports a synchronised clock, by adjtimex(2); -1 if it does not report it.
int scrape_clock_is_synchronised(void);
/// The limit of the clock's error in microseconds: `maxerror` of adjtimex(2); -1 if the kernel does
/// not report it.
long scrape_clock_error_bound(void);

/// Makes the second descriptor a copy of the first, closed on exec, and closes what it was; -1 with errno
/// set. See dup3(2).
static inline int scrape_replace_descriptor(int source, int target) {
  return (int)syscall(SYS_dup3, source, target, O_CLOEXEC);
}

// Which Swift module declares `timespec` and `timeval` changes with what else is imported: these two use them
// here.
/// CPU time of this process and of its ended children, in seconds.
double scrape_cpu_seconds(void);
/// When a file was written, in seconds since 1970; 0 where it is missing.
long scrape_modification_time(const char *path);

#include <sys/prctl.h>

/// Forbids other processes to attach to this one, and core dumps. See PR_SET_DUMPABLE in prctl(2).
static inline void scrape_forbid_dumps(void) { prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

#include <sys/inotify.h>

// The masks and flags are macros or enums; as plain integers they need no conversion.
static const int scrape_inotify_flags = IN_NONBLOCK | IN_CLOEXEC;
/// Whatever changes the files of a folder: editors write in place, or rename a new file over the old one.
static const uint32_t scrape_inotify_changes =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF |
    IN_MOVE_SELF;
