/* output.c -- a script's standard streams: what cannot be written is reported, and no file takes a stream's place. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lua/binding.h"

/* A stream that the program was started without: the next file would be opened in its place, and be printed into. So
 * something is opened there that can be neither read nor written, as the stream's use would have it. */
static void stand_in(int stream) {
  if (fcntl(stream, F_GETFD) != -1 || errno != EBADF)
    return;
  int file = open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  if (file >= 0 && file != stream) {
    dup2(file, stream);
    close(file);
  }
}

static char reason[256]; /* of the first failure that was noted */

static void check_output(void) {
  bool failed = ferror(stdout);
  errno = 0;
  if (fclose(stdout) == 0 && !failed)
    return;
  if (!*reason)
    snprintf(reason, sizeof reason, "%s", errno ? strerror(errno) : "something could not be written");
  fprintf(stderr, "standard output: %s\n", reason);
  fflush(NULL);
  _exit(EXIT_FAILURE);
}

/* guard_output(): from now on the program ends with a line and status 1, however it ends, where something that it
 * printed could not be written. */
static int guard_output(lua_State *L) {
  (void)L;
  static bool guarded;
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
    stand_in(stream);
  guarded = guarded || atexit(check_output) == 0;
  return 0;
}

/* note_unwritten(message): why something could not be written to standard output */
static int note_unwritten(lua_State *L) {
  const char *message = luaL_checkstring(L, 1);
  if (!*reason)
    snprintf(reason, sizeof reason, "%s", message);
  return 0;
}

const luaL_Reg gll_output_functions[] = {
    {"guard_output", guard_output}, {"note_unwritten", note_unwritten}, {NULL, NULL}};
