#define NCURSES_WIDECHAR 1
#include <locale.h>
#include <ncurses.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "CNcurses.h"

// From term.h, whose macros have names such as `lines`.
char *tigetstr(const char *name);

int scrape_locale(int utf8) {
  if (setlocale(LC_CTYPE, "") && (!utf8 || strcmp(setlocale(LC_CTYPE, 0), "C") != 0)) return 1;
  return setlocale(LC_CTYPE, utf8 ? "C.UTF-8" : "C") != 0;
}
scrape_screen *scrape_screen_open(void) { return (scrape_screen *)newterm(0, stdout, stdin); }
void scrape_screen_end(scrape_screen *screen) {
  endwin();
  delscreen((SCREEN *)screen);
}
const char *scrape_screen_capability(const char *name) {
  const char *text = tigetstr(name);
  return text == (char *)-1 ? 0 : text;
}
void scrape_screen_prepare(void) {
  cbreak();
  noecho();
  nonl();
  intrflush(stdscr, FALSE);
  keypad(stdscr, TRUE);
  nodelay(stdscr, TRUE);
  set_escdelay(50);
  curs_set(0);
  leaveok(stdscr, TRUE);
}
int scrape_screen_colours(void) {
  if (!has_colors() || start_color() != OK) return 0;
  use_default_colors();
  return COLORS >= 8;
}
void scrape_screen_pair(short pair, short colour) { init_pair(pair, colour, -1); }
void scrape_screen_resize(int rows, int columns) {
  resizeterm(rows, columns);
  clearok(stdscr, TRUE);
}
void scrape_screen_clear(void) { werase(stdscr); }
void scrape_screen_redraw(void) { clearok(stdscr, TRUE); }
void scrape_screen_put(
    int row, int column, const char *text, int pair, int bold, int dim, int reverse) {
  attr_t attributes = (bold ? A_BOLD : 0) | (dim ? A_DIM : 0) | (reverse ? A_REVERSE : 0);
  wattr_set(stdscr, attributes, (short)pair, 0);
  mvwaddstr(stdscr, row, column, text);
}
void scrape_screen_show(void) { wrefresh(stdscr); }
int scrape_screen_key(uint32_t *key) {
  wint_t value = 0;
  int kind = wget_wch(stdscr, &value);
  *key = value;
  return kind == KEY_CODE_YES ? 2 : kind == OK ? 1 : 0;
}
const uint32_t scrape_key_up = KEY_UP, scrape_key_down = KEY_DOWN, scrape_key_left = KEY_LEFT,
  scrape_key_right = KEY_RIGHT, scrape_key_page_up = KEY_PPAGE, scrape_key_page_down = KEY_NPAGE,
  scrape_key_home = KEY_HOME, scrape_key_end = KEY_END, scrape_key_enter = KEY_ENTER,
  scrape_key_backspace = KEY_BACKSPACE;
