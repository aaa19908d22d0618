/* print.c -- a tensor as text: its shape and type, then its values in columns, the middle left out when it is large; of
 * a large one with more than two axes its least, mean and largest value, and an excerpt. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/plain.h"
#include "lua/binding.h"

enum { SHOWN_WHOLE = 1000, SHOWN_LINES = 40, EDGE = 3, NUMBER_SIZE = 32, LINE_WIDTH = 80 };

typedef struct format {
  bool whole, scientific, elide;
  int width;
} format;

static void number_text(char *text, const format *f, double v) {
  if (isnan(v))
    snprintf(text, NUMBER_SIZE, "nan"); /* whose sign says nothing */
  else if (f->whole || isinf(v))
    gl_plain_print(text, NUMBER_SIZE, "%.0f", v);
  else if (f->scientific)
    gl_plain_print(text, NUMBER_SIZE, "%.4e", v);
  else
    gl_plain_print(text, NUMBER_SIZE, "%.4f", v);
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

/* Of an integer tensor all numbers are shown whole, however large. */
static format format_of(const gl_tensor *t, bool elide) {
  format f = {.whole = true, .elide = elide};
  if (t->dtype == GL_FLOAT)
    visit_shown(t, 0, 0, &f, look);
  visit_shown(t, 0, 0, &f, measure);
  return f;
}

static int64_t numbers_on_a_line(const format *f) { return LINE_WIDTH / (f->width + 2); }

/* A vector that is wider than a line goes on, further in, on the next. */
static void add_row(luaL_Buffer *b, const gl_tensor *t, int64_t at, int64_t n, const format *f) {
  int64_t on_a_line = numbers_on_a_line(f), column = 0;
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

/* Of rows that are wider than a line, the middle is left out. */
static void add_matrix(luaL_Buffer *b, const gl_tensor *t, int64_t at, const format *f) {
  int64_t rows = t->ndim >= 2 ? t->shape[t->ndim - 2] : 1, columns = t->ndim >= 1 ? t->shape[t->ndim - 1] : 1;
  format row = *f;
  row.elide = f->elide || (rows > 1 && columns > numbers_on_a_line(f));
  for (int64_t r = 0, next; r < rows; r = next) {
    next = next_shown(f, r, rows);
    luaL_addstring(b, "\n");
    add_row(b, t, at + r * columns, columns, &row);
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

/* ---- large ones with more than two axes ---- */

/* Are more numbers or lines in it than anybody reads? */
static bool is_large(const gl_tensor *t) {
  int64_t lines = t->ndim > 2 ? 1 : 0; /* the rows of all matrices, and a line above each */
  lines += t->ndim >= 2 ? t->shape[t->ndim - 2] : 1;
  for (int i = 0; i < t->ndim - 2 && lines <= SHOWN_LINES; i++)
    lines *= t->shape[i];
  return gl_tensor_numel(t) > SHOWN_WHOLE || lines > SHOWN_LINES;
}

/* Pushes t with an axis that was stretched made one place again: a tensor with the same values, each once. */
static void push_unstretched(lua_State *L, const gl_tensor *t) {
  int64_t shape[GL_MAXDIM];
  for (int i = 0; i < t->ndim; i++)
    shape[i] = t->stride[i] == 0 ? 1 : t->shape[i];
  gll_push(L, gl_tensor_view(t, t->ndim, shape, t->stride, t->offset));
  gll_push(L, gl_tensor_contiguous(gll_check(L, -1)));
  lua_remove(L, -2);
}

/* Is it images, N x H x W x C or H x W x C? Then a matrix is the pixels of a channel. */
static bool is_images(const gl_tensor *t) {
  const int64_t *s = t->shape + t->ndim - 3;
  return t->ndim <= 4 && (s[2] == 1 || s[2] == 3 || s[2] == 4) && s[0] > 4 && s[1] > 4;
}

/* The part of a tensor that stands for the rest: the first matrix of the last two axes, or the middle of the first
 * image, whose edges are often empty. */
typedef struct excerpt {
  int row;               /* the axis of its rows; that of its columns is the next */
  int64_t from[2], n[2]; /* where it begins along both, from 0, and how long it is */
} excerpt;

static excerpt choose_excerpt(const gl_tensor *t) {
  bool images = is_images(t);
  excerpt e = {.row = t->ndim - (images ? 3 : 2)};
  for (int i = 0; i < 2; i++) {
    int64_t size = t->shape[e.row + i];
    e.n[i] = images && size > 2 * EDGE ? 2 * EDGE : size;
    e.from[i] = (size - e.n[i]) / 2;
  }
  return e;
}

static void push_excerpt(lua_State *L, const gl_tensor *t, const excerpt *e) {
  const int64_t *stride = t->stride + e->row;
  gll_push(L, gl_tensor_view(t, 2, e->n, stride, t->offset + e->from[0] * stride[0] + e->from[1] * stride[1]));
}

typedef struct statistics {
  double least, most, sum;
  int64_t count, nans;
} statistics;

static statistics measure_all(const gl_tensor *t) {
  statistics s = {.least = INFINITY, .most = -INFINITY};
  const uint8_t *bytes = t->dtype == GL_UINT8 ? gl_tensor_bytes(t) : NULL;
  const int64_t *places = t->dtype == GL_INT64 ? gl_tensor_places(t) : NULL;
  const gl_real *reals = bytes || places ? NULL : gl_tensor_data(t);
  for (int64_t i = 0, n = gl_tensor_numel(t); i < n; i++) {
    double v = bytes ? bytes[i] : places ? (double)places[i] : (double)reals[i];
    if (isnan(v)) {
      s.nans++;
      continue;
    }
    s.count++;
    s.sum += v;
    s.least = v < s.least ? v : s.least;
    s.most = v > s.most ? v : s.most;
  }
  return s;
}

/* "min 0, mean 0.1307, max 1" */
static void add_statistics(luaL_Buffer *b, const statistics *s) {
  char text[160];
  if (s->count == 0)
    snprintf(text, sizeof text, "\nall nan");
  else
    gl_plain_print(text, sizeof text, "\nmin %.4g, mean %.4g, max %.4g%s", s->least, s->sum / (double)s->count, s->most,
                   s->nans > 0 ? ", and nan" : "");
  luaL_addstring(b, text);
}

/* The excerpt's values, under where they are from: [1, 12..17, 12..17, 1], ".." being the whole axis. */
static void add_excerpt(luaL_Buffer *b, const gl_tensor *t, const excerpt *e, const gl_tensor *values) {
  for (int i = 0; i < t->ndim; i++) {
    char text[64] = "1";
    int k = i - e->row;
    if ((k == 0 || k == 1) && e->n[k] == t->shape[i])
      strcpy(text, "..");
    else if (k == 0 || k == 1)
      snprintf(text, sizeof text, "%lld..%lld", (long long)e->from[k] + 1, (long long)(e->from[k] + e->n[k]));
    luaL_addstring(b, i == 0 ? "\n[" : ", ");
    luaL_addstring(b, text);
  }
  luaL_addstring(b, "]");
  format f = format_of(values, true);
  add_matrix(b, values, 0, &f);
}

/* ---- all ---- */

static void add_head(luaL_Buffer *b, const gl_tensor *t) {
  luaL_addstring(b, "tensor ");
  luaL_addstring(b, gl_tensor_text(t));
  luaL_addstring(b, " ");
  luaL_addstring(b, gl_dtype_name(t->dtype));
  if (t->requires_grad)
    luaL_addstring(b, ", requires grad");
}

static void push_summary(lua_State *L, const gl_tensor *t) {
  push_unstretched(L, t);
  statistics s = measure_all(gll_check(L, -1));
  excerpt e = choose_excerpt(t);
  push_excerpt(L, t, &e);
  const gl_tensor *values = gll_check(L, -1);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  add_head(&b, t);
  add_statistics(&b, &s);
  add_excerpt(&b, t, &e, values);
  luaL_pushresult(&b);
  lua_replace(L, -3);
  lua_pop(L, 1);
}

void gll_push_text(lua_State *L, const gl_tensor *t) {
  bool large = is_large(t);
  if (large && t->ndim > 2) {
    push_summary(L, t);
    return;
  }
  format f = format_of(t, large);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  if (t->ndim == 0) {
    char text[NUMBER_SIZE];
    number_text(text, &f, gl_tensor_get(t, 0));
    luaL_addstring(&b, text);
  } else {
    add_head(&b, t);
    add_matrices(&b, t, 0, 0, "", &f);
  }
  luaL_pushresult(&b);
}
