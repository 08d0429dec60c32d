#define _GNU_SOURCE
#include "Seat.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static char reset[256];
static int reset_count;
static volatile sig_atomic_t guarded;
static int window_events = -1;

enum { crash_count = 6 };
static const int crashes[crash_count] = {SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS, SIGFPE};
static struct sigaction before_crashes[crash_count];

void scrape_restore_and_end(int number) {
  scrape_restore_terminal();
  signal(number, SIG_DFL);
  raise(number);
}

// Who else handles crashes, such as Swift's backtraces, does so on a terminal that is usable.
static void restore_and_pass(int number) {
  scrape_restore_terminal();
  for (int index = 0; index < crash_count; index++) {
    if (crashes[index] == number) sigaction(number, &before_crashes[index], 0);
  }
  raise(number);
}

int scrape_save_terminal(void) { return tcgetattr(0, &saved); }

void scrape_guard_terminal(const char *bytes, int count) {
  reset_count = count < (int)sizeof reset ? count : (int)sizeof reset;
  memcpy(reset, bytes, (size_t)reset_count);
  // Else tcsetattr(3) stops a process in the background, and Ctrl-Z one that others wait for.
  signal(SIGTTOU, SIG_IGN);
  signal(SIGTSTP, SIG_IGN);
  struct sigaction action = {.sa_handler = restore_and_pass, .sa_flags = SA_ONSTACK};
  sigemptyset(&action.sa_mask);
  static int isHandled;
  for (int index = 0; index < crash_count && !isHandled; index++) {
    sigaction(crashes[index], &action, &before_crashes[index]);
  }
  isHandled = 1;
  guarded = 1;
}

void scrape_unguard_terminal(void) { guarded = 0; }
int scrape_terminal_is_guarded(void) { return guarded; }

void scrape_restore_terminal(void) {
  if (!guarded) return;
  guarded = 0;
  int before = errno;
  // A terminal that Ctrl-S has stopped must not hold up the end.
  int flags = fcntl(1, F_GETFL);
  fcntl(1, F_SETFL, flags | O_NONBLOCK);
  ssize_t ignored = write(1, reset, (size_t)reset_count);
  (void)ignored;
  fcntl(1, F_SETFL, flags);
  tcsetattr(0, TCSANOW, &saved);
  errno = before;
}

static void note_window(int number) {
  int before = errno;
  (void)number;
  uint64_t value = 1;
  ssize_t ignored = write(window_events, &value, sizeof value);
  (void)ignored;
  errno = before;
}

int scrape_watch_window(void) {
  if (window_events < 0) window_events = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (window_events < 0) return -1;
  struct sigaction action = {.sa_handler = note_window, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  return sigaction(SIGWINCH, &action, 0) == 0 ? window_events : -1;
}

int scrape_accept(int listener) { return accept4(listener, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK); }

long scrape_peer_user(int descriptor) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
  return (long)peer.uid;
}
