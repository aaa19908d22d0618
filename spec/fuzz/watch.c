/* watch.c -- what the fuzzer of the API needs besides Lua: the call that is under way is written into a mapped file,
 * which outlives the process, and a call without an end is stopped. */
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE = 1 << 16 };

static char *text;

/* Aborting, so that the sanitizer says where it hangs. */
static void hangs(int signal) {
  (void)signal;
  static const char message[] = "\nfuzz-api: the call does not end\n";
  if (write(STDERR_FILENO, message, sizeof message - 1) < 0)
    _exit(3);
  abort();
}

/* open(path): where the calls are written */
static int open_log(lua_State *L) {
  int fd = open(luaL_checkstring(L, 1), O_RDWR | O_CREAT, 0600);
  void *place =
      fd >= 0 && ftruncate(fd, SIZE) == 0 ? mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
  if (fd >= 0)
    close(fd);
  if (place == MAP_FAILED)
    return luaL_error(L, "no log file");
  text = place;
  signal(SIGALRM, hangs);
  return 0;
}

/* call(text, seconds): a call begins, and may take so long */
static int call(lua_State *L) {
  size_t n;
  const char *what = luaL_checklstring(L, 1, &n);
  n = n < SIZE - 1 ? n : SIZE - 1;
  memcpy(text, what, n);
  text[n] = '\0';
  alarm((unsigned)luaL_checkinteger(L, 2));
  return 0;
}

/* enter(folder): makes it the process's folder, where calls that are given the name of a file leave it */
static int enter(lua_State *L) {
  if (chdir(luaL_checkstring(L, 1)) != 0)
    return luaL_error(L, "no folder to work in");
  return 0;
}

static const luaL_Reg functions[] = {{"open", open_log}, {"call", call}, {"enter", enter}, {NULL, NULL}};

LUAMOD_API int luaopen_watch(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
