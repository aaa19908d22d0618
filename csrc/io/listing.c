/* listing.c -- what is in a folder: names, kinds, sizes and times, sorted. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "io/io.h"

#ifdef __APPLE__
#define WRITTEN st_mtimespec
#define CHANGED st_ctimespec
#else
#define WRITTEN st_mtim
#define CHANGED st_ctim
#endif

enum { CLOCK_STEP = 12000000 }; /* nanoseconds: 10 ms where the kernel counts 100 ticks a second */

static int64_t nanoseconds(struct timespec t) { return (int64_t)t.tv_sec * 1000000000 + (int64_t)t.tv_nsec; }

typedef struct growing { /* a list being made; the names move while it grows, so entries hold places until its end */
  gl_listing list;
  size_t *place;
  int64_t room;      /* entries */
  size_t used, size; /* bytes of names */
} growing;

/* Makes the block at *p at least twice as large; the old one is kept where that fails. */
static bool grow(void **p, size_t used, size_t size) {
  void *larger = gl_alloc(size);
  if (!larger)
    return false;
  if (used > 0)
    memcpy(larger, *p, used);
  gl_free(*p);
  *p = larger;
  return true;
}

static bool make_room(growing *g, size_t name) {
  if (g->list.n == g->room) {
    int64_t room = g->room > 0 ? 2 * g->room : 64;
    size_t n = (size_t)g->list.n, m = (size_t)room;
    void *entry = g->list.entry, *place = g->place;
    bool ok = grow(&entry, n * sizeof *g->list.entry, m * sizeof *g->list.entry);
    g->list.entry = entry;
    if (!ok || !grow(&place, n * sizeof *g->place, m * sizeof *g->place))
      return false;
    g->place = place;
    g->room = room;
  }
  if (name > g->size - g->used) {
    size_t size = 2 * (g->size + name);
    void *names = g->list.names;
    if (!grow(&names, g->used, size))
      return false;
    g->list.names = names;
    g->size = size;
  }
  return true;
}

static gl_entry entry_of(const struct stat *st, bool folder) {
  return (gl_entry){.kind = folder ? GL_KIND_FOLDER : GL_KIND_FILE,
                    .bytes = (int64_t)st->st_size,
                    .written = nanoseconds(st->WRITTEN),
                    .changed = nanoseconds(st->CHANGED),
                    .number = (int64_t)st->st_ino};
}

bool gl_file_entry(const char *path, gl_entry *entry) {
  struct stat st;
  if (stat(path, &st) != 0)
    return false;
  *entry = entry_of(&st, S_ISDIR(st.st_mode));
  entry->name = path;
  return true;
}

/* A name that leads nowhere, such as a broken link's, is a file of no bytes: whoever opens it hears why not. */
static bool add(growing *g, DIR *folder, const char *name) {
  struct stat st = {0};
  size_t n = strlen(name) + 1;
  if (!make_room(g, n))
    return false;
  bool there = fstatat(dirfd(folder), name, &st, 0) == 0;
  memcpy(g->list.names + g->used, name, n);
  g->place[g->list.n] = g->used;
  g->used += n;
  g->list.entry[g->list.n++] = entry_of(&st, there && S_ISDIR(st.st_mode));
  return true;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const gl_entry *)a)->name, ((const gl_entry *)b)->name);
}

static bool read_entries(growing *g, DIR *folder) {
  for (;;) {
    errno = 0;
    struct dirent *found = readdir(folder);
    if (!found)
      return errno == 0 || gl_fail("cannot be listed: %s", strerror(errno));
    if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0 && !add(g, folder, found->d_name))
      return false;
  }
}

bool gl_folder_list(const char *path, gl_listing *list) {
  growing g = {0};
  DIR *folder = opendir(path);
  if (!folder)
    return gl_fail("%s: cannot be listed: %s", path, strerror(errno));
  bool ok = read_entries(&g, folder);
  closedir(folder);
  for (int64_t i = 0; ok && i < g.list.n; i++)
    g.list.entry[i].name = g.list.names + g.place[i];
  gl_free(g.place);
  if (!ok) {
    gl_listing_free(&g.list);
    return gl_fail_in(path);
  }
  if (g.list.n > 0)
    qsort(g.list.entry, (size_t)g.list.n, sizeof *g.list.entry, by_name);
  *list = g.list;
  return true;
}

void gl_listing_free(gl_listing *list) {
  gl_free(list->entry);
  gl_free(list->names);
  *list = (gl_listing){0};
}

bool gl_files_settle(int64_t changed) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  int64_t settled = nanoseconds(now) - CLOCK_STEP;
  if (changed <= settled || changed > nanoseconds(now)) /* a time that is still to come is another computer's */
    return false;
  nanosleep(&(struct timespec){.tv_nsec = (long)(changed - settled)}, NULL);
  return true;
}
