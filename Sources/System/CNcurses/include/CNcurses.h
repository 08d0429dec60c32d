// A terminal through the wide-character calls of ncurses(3). No header of ncurses is included here: its
// state is in global variables and macros with names such as `lines`.
#pragma once
#include <stdint.h>

typedef struct scrape_screen scrape_screen;

/// Uses the locale of the environment for characters; 0 if it is not installed and there is none like it.
int scrape_locale(int utf8);
/// Takes the terminal of standard input and output; null if $TERM is unknown.
scrape_screen *scrape_screen_open(void);
void scrape_screen_end(scrape_screen *screen);
/// The text of a capability of the terminal, or null; see terminfo(5).
const char *scrape_screen_capability(const char *name);
/// Keys come at once and are not shown; the cursor is hidden.
void scrape_screen_prepare(void);
/// Whether the terminal has colours.
int scrape_screen_colours(void);
void scrape_screen_pair(short pair, short colour);
void scrape_screen_resize(int rows, int columns);
void scrape_screen_clear(void);
/// Draws all of the next screen, also what is there already.
void scrape_screen_redraw(void);
void scrape_screen_put(
    int row, int column, const char *text, int pair, int bold, int dim, int reverse);
void scrape_screen_show(void);
/// The next key: 0 none, 1 a character, 2 a function key.
int scrape_screen_key(uint32_t *key);

extern const uint32_t scrape_key_up, scrape_key_down, scrape_key_left, scrape_key_right,
  scrape_key_page_up, scrape_key_page_down, scrape_key_home, scrape_key_end, scrape_key_enter,
  scrape_key_backspace;
