// A terminal that is drawn on, and Unix sockets: what glibc shows only with feature macros, or what a
// signal handler has to do.
#pragma once

/// Saves the state of the terminal of standard input. Before ncurses has it: newterm(3) changes it.
int scrape_save_terminal(void);
/// Takes the bytes that take back what is drawn. From here on a signal that ends the process writes them and
/// restores the saved state.
void scrape_guard_terminal(const char *bytes, int count);
/// Restores the terminal if it is guarded, once; a signal handler may call it.
void scrape_restore_terminal(void);
/// A signal handler that restores the terminal and then ends the process by the signal.
void scrape_restore_and_end(int number);
/// Ends the guard: the terminal was restored otherwise.
void scrape_unguard_terminal(void);
/// Whether the terminal is guarded.
int scrape_terminal_is_guarded(void);

/// A descriptor that is readable after the window of the terminal has changed its size (SIGWINCH); -1 with
/// errno set.
int scrape_watch_window(void);

/// Accepts a connection, closed on exec and without blocking; -1 with errno set.
int scrape_accept(int listener);

/// The user of the process at the other end of a Unix socket (SO_PEERCRED of unix(7)); -1 with errno set.
long scrape_peer_user(int descriptor);
