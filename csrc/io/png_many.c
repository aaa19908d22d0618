/* png_many.c -- many PNG files at a time, on all threads, in one form. */
#include <stdio.h>
#include <string.h>

#include "core/parallel.h"
#include "io/io.h"

typedef struct reading {
  int64_t n, size; /* size: bytes of an image */
  const char *const *path;
  const gl_form *form;
  uint8_t *to;
  gl_image_report *report;
} reading;

static gl_image_state bring(const reading *r, int64_t i, const gl_pixels *p) {
  if (!gl_image_fits(p, r->form))
    return GL_IMAGE_MISFIT;
  if (gl_image_bring(p, r->form, r->to + i * r->size))
    return GL_IMAGE_GOOD;
  gl_fail_in(r->path[i]);
  return GL_IMAGE_NO_MEMORY;
}

static void read_one(const reading *r, int64_t i) {
  gl_image_report *report = &r->report[i];
  gl_pixels p;
  report->state = gl_png_decode(r->path[i], &p);
  if (report->state == GL_IMAGE_GOOD) {
    report->state = bring(r, i, &p);
    gl_free(p.data);
  }
  if (report->state != GL_IMAGE_GOOD)
    snprintf(report->message, sizeof report->message, "%s", gl_error());
}

/* Every parts-th file, so that no thread gets all the large ones of a folder. */
static void read_part(int part, int parts, void *context) {
  const reading *r = context;
  for (int64_t i = part; i < r->n; i += parts)
    read_one(r, i);
}

int64_t gl_png_read_all(int64_t n, const char *const *path, const gl_form *form, uint8_t *to, gl_image_report *report) {
  reading r = {n, form->height * form->width * form->channels, path, form, to, report};
  gl_parallel_parts(n < gl_threads() ? (int)n : gl_threads(), read_part, &r);
  int64_t good = 0;
  for (int64_t i = 0; i < n; i++)
    if (report[i].state == GL_IMAGE_GOOD) {
      if (good < i)
        memcpy(to + good * r.size, to + i * r.size, (size_t)r.size);
      good++;
    }
  return good;
}
