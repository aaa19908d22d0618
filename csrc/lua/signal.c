/* signal.c -- the binding of the signals that end programs: Ctrl-C, SIGTERM, SIGHUP, and those of limits, SIGXCPU
 * (processor time) and SIGXFSZ (a file's size). A training loop asks for them after each step; anything else is ended
 * by an error, which undoes what was begun. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lua/binding.h"

#ifdef SI_KERNEL
enum { OF_SYSTEM = SI_KERNEL }; /* who sent it: the system itself, such as the terminal's Ctrl-C, and no process */
#else
enum { OF_SYSTEM = 0 };
#endif

enum { SIGNALS = 5, ONCE = 3 }; /* the first ones come at somebody's wish, the others again and again */
static const int signals[SIGNALS] = {SIGINT, SIGTERM, SIGHUP, SIGXCPU, SIGXFSZ};
static struct sigaction before[SIGNALS];
static bool installed;
static bool raised;                 /* has the signal that came been raised as an error? */
static lua_State *volatile asking;  /* the main thread of the state that calls interrupted(), or NULL */
static lua_State *volatile raising; /* that of the state whose code an error ends where none asks, or NULL */
static pthread_t owner;
static volatile sig_atomic_t asked_to_stop; /* the signal's number, or 0 */
static volatile sig_atomic_t sent_to_us;    /* by a process, and not by the terminal to all that run in it */

static int push_words(lua_State *L) {
  lua_pushliteral(L, "interrupted!");
  return 1;
}

/* Raises {interrupted = the signal's number}, which prints as "interrupted!". Code that takes the error for one of its
 * own and goes on meets it again. */
static void stop_hook(lua_State *L, lua_Debug *at) {
  (void)at;
  raised = true;
  lua_sethook(L, stop_hook, LUA_MASKCOUNT, 10000);
  lua_createtable(L, 0, 1);
  lua_pushinteger(L, asked_to_stop);
  lua_setfield(L, -2, "interrupted");
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, push_words);
  lua_setfield(L, -2, "__tostring");
  lua_setmetatable(L, -2);
  lua_error(L);
}

static void arm(lua_State *L) {
  lua_sethook(L, stop_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

/* The next signal does what it does by itself, which is to end the program at once. Not a limit's: with these there is
 * still time for a checkpoint, and a file that could not be written is reported as others that cannot. */
static void step_aside(void) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < ONCE; i++)
    if (before[i].sa_handler != SIG_IGN)
      sigaction(signals[i], &action, NULL);
}

static void on_signal(int number, siginfo_t *from, void *context) {
  (void)context;
  if (!pthread_equal(pthread_self(), owner)) { /* a thread of a parallel region: Lua's state is not its to touch */
    pthread_kill(owner, number);
    return;
  }
  if (!asked_to_stop) {
    asked_to_stop = number;
    sent_to_us = from->si_code != OF_SYSTEM;
  }
  step_aside();
  if (raising && !asking)
    arm(raising); /* Lua allows that at any moment */
}

/* A signal that the program was started to ignore stays ignored. flags: SA_RESTART, or 0, by which a signal ends the
 * wait for a line of input. */
static void install(int flags) {
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = flags | (int)SA_SIGINFO};
  sigemptyset(&action.sa_mask);
  owner = pthread_self();
  for (int i = 0; i < SIGNALS; i++) {
    if (!installed)
      sigaction(signals[i], NULL, &before[i]);
    if (before[i].sa_handler != SIG_IGN)
      sigaction(signals[i], &action, NULL);
  }
  installed = true;
}

static lua_State *main_thread(lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  lua_State *main = lua_tothread(L, -1);
  lua_pop(L, 1);
  return main;
}

static void uninstall(void) {
  for (int i = 0; installed && i < SIGNALS; i++)
    sigaction(signals[i], &before[i], NULL);
  installed = false;
}

/* catch_interrupt(): from now on the signals only make interrupted() answer; the second one ends the program. */
static int catch_interrupt(lua_State *L) {
  if (!raising) /* else one that came is raised in a moment */
    asked_to_stop = 0;
  asking = main_thread(L);
  install((int)SA_RESTART);
  return 0;
}

/* interrupted() -> the number of the signal that came, or false */
static int interrupted(lua_State *L) {
  if (asked_to_stop)
    lua_pushinteger(L, asked_to_stop);
  else
    lua_pushboolean(L, false);
  return 1;
}

/* release_interrupt(): signals do again what they did before catch_interrupt(). One that came meanwhile is raised where
 * signals are, and else forgotten. */
static int release_interrupt(lua_State *L) {
  (void)L;
  if (!asking)
    return 0;
  asking = NULL;
  if (!raising) {
    uninstall();
    asked_to_stop = 0;
  } else if (asked_to_stop) {
    arm(raising);
  } else {
    install(0);
  }
  return 0;
}

/* raise_on_signal(on): whether a signal raises the error {interrupted = its number}; the second one ends the program.
 * Called again with true: one that came is dealt with. Returns the number of one that was raised since, or false: also
 * where the code took the error for one of its own. */
static int raise_on_signal(lua_State *L) {
  bool on = lua_toboolean(L, 1);
  if (raised)
    lua_pushinteger(L, asked_to_stop);
  else
    lua_pushboolean(L, false);
  lua_State *main = main_thread(L);
  if (lua_gethook(main) == stop_hook)
    lua_sethook(main, NULL, 0, 0);
  asked_to_stop = 0;
  raised = false;
  asking = NULL;
  raising = on ? main : NULL;
  if (on)
    install(0);
  else
    uninstall();
  return 1;
}

void gll_leave_signals(lua_State *L) {
  const lua_State *main = main_thread(L);
  const bool raises = raising == main;
  if (raises)
    raising = NULL;
  if (asking == main)
    release_interrupt(L);
  else if (raises && !asking)
    uninstall();
}

/* ---- programs ---------------------------------------------------------------------------------------------------- */

#ifdef __APPLE__
#include <crt_externs.h>
#define environ (*_NSGetEnviron()) /* there a library does not see the variable */
#else
extern char **environ;
#endif

/* Waits for a process to end; a signal that asks this one to stop is passed on to it, once. */
static int wait_for(pid_t process) {
  const struct timespec pause = {.tv_nsec = 20000000};
  bool passed = false;
  int status;
  pid_t ended;
  while ((ended = waitpid(process, &status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
    if (asked_to_stop && sent_to_us && !passed) {
      kill(process, asked_to_stop);
      passed = true;
    }
    nanosleep(&pause, NULL);
  }
  return ended < 0 ? -1 : status;
}

/* execute(command) -> true, or nil where it did not end with status 0; "exit" or "signal", and the number: as
 * os.execute, but Ctrl-C and the others end both the command and this program | nil, message. The signal goes to the
 * shell, which is the command itself where that begins with exec. */
static int execute(lua_State *L) {
  char *const command[] = {"sh", "-c", (char *)(uintptr_t)luaL_checkstring(L, 1), NULL};
  pid_t process;
  int problem = posix_spawn(&process, "/bin/sh", NULL, NULL, command, environ);
  if (problem != 0) {
    luaL_pushfail(L);
    lua_pushstring(L, strerror(problem));
    return 2;
  }
  int status = wait_for(process);
  if (status == 0)
    lua_pushboolean(L, true);
  else
    luaL_pushfail(L);
  lua_pushstring(L, WIFSIGNALED(status) ? "signal" : "exit");
  lua_pushinteger(L, WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  return 3;
}

const luaL_Reg gll_signal_functions[] = {
    {"execute", execute},
    {"catch_interrupt", catch_interrupt},
    {"interrupted", interrupted},
    {"release_interrupt", release_interrupt},
    {"raise_on_signal", raise_on_signal},
    {NULL, NULL},
};
