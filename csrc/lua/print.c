/* print.c -- a tensor as text: its shape and type, then its values in columns, the middle left out when it is large. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lua/binding.h"

enum { SHOWN_WHOLE = 1000, EDGE = 3, NUMBER_SIZE = 32, LINE_WIDTH = 112 };

typedef struct format {
  bool whole, scientific, elide;
  int width;
} format;

static void number_text(char *text, const format *f, double v) {
  if (isnan(v))
    snprintf(text, NUMBER_SIZE, "nan"); /* whose sign says nothing */
  else if (f->whole || isinf(v))
    snprintf(text, NUMBER_SIZE, "%.0f", v);
  else if (f->scientific)
    snprintf(text, NUMBER_SIZE, "%.4e", v);
  else
    snprintf(text, NUMBER_SIZE, "%.4f", v);
}

/* After index i of n, the next one that is shown. */
static int64_t next_shown(const format *f, int64_t i, int64_t n) {
  return f->elide && n > 2 * EDGE && i == EDGE - 1 ? n - EDGE : i + 1;
}

/* Calls visit for each element that is shown. */
typedef void visitor(format *f, double v);

static void visit_shown(const gl_tensor *t, int axis, int64_t at, format *f, visitor *visit) {
  if (axis == t->ndim) {
    visit(f, gl_tensor_get(t, at));
    return;
  }
  for (int64_t i = 0, n = t->shape[axis]; i < n; i = next_shown(f, i, n))
    visit_shown(t, axis + 1, at * n + i, f, visit);
}

static void look(format *f, double v) {
  if (isnan(v) || isinf(v))
    return;
  double a = fabs(v);
  f->whole = f->whole && v == floor(v) && a < 1e9;
  f->scientific = f->scientific || a >= 1e5 || (a > 0 && a < 1e-4);
}

static void measure(format *f, double v) {
  char text[NUMBER_SIZE];
  number_text(text, f, v);
  f->width = (int)strlen(text) > f->width ? (int)strlen(text) : f->width;
}

/* Rows that are wider than a line go on, further in, on the next. */
static void add_row(luaL_Buffer *b, const gl_tensor *t, int64_t at, int64_t n, const format *f) {
  int64_t on_a_line = LINE_WIDTH / (f->width + 2), column = 0;
  for (int64_t i = 0, next; i < n; i = next, column++) {
    char text[NUMBER_SIZE], padded[NUMBER_SIZE + 8];
    next = next_shown(f, i, n);
    if (column == on_a_line) {
      luaL_addstring(b, "\n    ");
      column = 0;
    }
    number_text(text, f, gl_tensor_get(t, at + i));
    snprintf(padded, sizeof padded, "  %*s", f->width, text);
    luaL_addstring(b, padded);
    if (next > i + 1)
      luaL_addstring(b, "  ...");
  }
}

static void add_matrix(luaL_Buffer *b, const gl_tensor *t, int64_t at, const format *f) {
  int64_t rows = t->ndim >= 2 ? t->shape[t->ndim - 2] : 1, columns = t->ndim >= 1 ? t->shape[t->ndim - 1] : 1;
  for (int64_t r = 0, next; r < rows; r = next) {
    next = next_shown(f, r, rows);
    luaL_addstring(b, "\n");
    add_row(b, t, at + r * columns, columns, f);
    if (next > r + 1)
      luaL_addstring(b, "\n  ...");
  }
}

/* Each matrix of a tensor with more than two axes, under a line such as [1, 3, ..]. */
static void add_matrices(luaL_Buffer *b, const gl_tensor *t, int axis, int64_t at, const char *indices,
                         const format *f) {
  if (axis >= t->ndim - 2) {
    int64_t size = 1;
    for (int i = axis; i < t->ndim; i++)
      size *= t->shape[i];
    if (axis > 0) {
      luaL_addstring(b, "\n[");
      luaL_addstring(b, indices);
      luaL_addstring(b, "..]");
    }
    add_matrix(b, t, at * size, f);
    return;
  }
  for (int64_t i = 0, next, n = t->shape[axis]; i < n; i = next) {
    char longer[160];
    next = next_shown(f, i, n);
    snprintf(longer, sizeof longer, "%.120s%lld, ", indices, (long long)i + 1);
    add_matrices(b, t, axis + 1, at * n + i, longer, f);
    if (next > i + 1)
      luaL_addstring(b, "\n...");
  }
}

void gll_push_text(lua_State *L, const gl_tensor *t) {
  format f = {.whole = true, .elide = gl_tensor_numel(t) > SHOWN_WHOLE};
  visit_shown(t, 0, 0, &f, look);
  visit_shown(t, 0, 0, &f, measure);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  if (t->ndim == 0) {
    char text[NUMBER_SIZE];
    number_text(text, &f, gl_tensor_get(t, 0));
    luaL_addstring(&b, text);
  } else {
    luaL_addstring(&b, "tensor ");
    luaL_addstring(&b, gl_tensor_text(t));
    luaL_addstring(&b, " ");
    luaL_addstring(&b, gl_dtype_name(t->dtype));
    if (t->requires_grad)
      luaL_addstring(&b, ", requires grad");
    add_matrices(&b, t, 0, 0, "", &f);
  }
  luaL_pushresult(&b);
}
