/* system.c -- the binding of what a training loop asks the system: time, the terminal, memory. */
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "lua/binding.h"

/* ---- time -------------------------------------------------------------------------------------------------------- */

/* clock() -> seconds since some moment; never set back */
static int monotonic_clock(lua_State *L) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec * 1e-9);
  return 1;
}

/* ---- the terminal ------------------------------------------------------------------------------------------------ */

/* isatty(fd): is 0 (input), 1 (output) or 2 (errors) a terminal? */
static int is_terminal(lua_State *L) {
  lua_pushboolean(L, isatty((int)gll_check_whole(L, 1, "isatty", "the file", 0, INT32_MAX)));
  return 1;
}

/* terminal_width() -> columns of the terminal that messages go to, or nil; the width of a column in pixels, or nil */
static int terminal_width(lua_State *L) {
  struct winsize size;
  bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  int columns = known ? size.ws_col : 0, pixels = columns > 0 ? size.ws_xpixel / columns : 0;
  for (int i = 0; i < 2; i++) {
    int value = i == 0 ? columns : pixels;
    if (value > 0)
      lua_pushinteger(L, value);
    else
      lua_pushnil(L);
  }
  return 2;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

#ifdef __APPLE__
enum { PEAK_UNIT = 1 }; /* the bytes in which getrusage counts */
#else
enum { PEAK_UNIT = 1024 };
#endif

/* rss() -> bytes of the process in memory now (nil where the system has no /proc), and the most so far */
static int rss(lua_State *L) {
  long pages;
  FILE *f = fopen("/proc/self/statm", "re");
  if (f && fscanf(f, "%*d %ld", &pages) == 1)
    lua_pushinteger(L, (lua_Integer)pages * sysconf(_SC_PAGESIZE));
  else
    lua_pushnil(L);
  if (f)
    fclose(f);
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  lua_pushinteger(L, (lua_Integer)usage.ru_maxrss * PEAK_UNIT);
  return 2;
}

const luaL_Reg gll_system_functions[] = {
    {"clock", monotonic_clock}, {"isatty", is_terminal}, {"terminal_width", terminal_width}, {"rss", rss}, {NULL, NULL},
};
