/* strokes.c -- pen strokes: a spline through knots, and its anti-aliased ink. */
#include "synth/strokes.h"

#include <math.h>

static float min(float a, float b) { return a < b ? a : b; }
static float max(float a, float b) { return a > b ? a : b; }
static float clamp01(float v) { return v < 0 ? 0 : v > 1 ? 1 : v; }

static const float EDGE = 1.25f; /* pixels over which a line's edge fades, by a smooth step */

/* The cubic with value b and c at t = 0 and 1 and Catmull-Rom's slopes there, (c - a) / 2 and (d - b) / 2. */
static float catmull_rom(float a, float b, float c, float d, float t) {
  return b + 0.5f * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

/* The knot beyond an end or a corner, which makes the curve leave it along the chord. */
static gl_dot mirror(gl_dot end, gl_dot next) {
  return (gl_dot){2 * end.x - next.x, 2 * end.y - next.y, 2 * end.r - next.r, GL_SMOOTH};
}

int gl_strokes_flatten(const gl_dot *knots, int n, float step, gl_dot *dots, int limit) {
  int count = 0;
  for (int i = 0; i < n && count < limit; i++) {
    if (i == 0 || knots[i].kind == GL_START) {
      dots[count] = knots[i];
      dots[count++].kind = GL_START;
      continue;
    }
    gl_dot b = knots[i - 1], c = knots[i];
    gl_dot a = b.kind == GL_SMOOTH ? knots[i - 2] : mirror(b, c);
    gl_dot d = c.kind == GL_SMOOTH && i + 1 < n && knots[i + 1].kind != GL_START ? knots[i + 1] : mirror(c, b);
    float dx = c.x - b.x, dy = c.y - b.y;
    int pieces = 1 + (int)(sqrtf(dx * dx + dy * dy) / step);
    for (int k = 1; k <= pieces && count < limit; k++) {
      float t = (float)k / (float)pieces;
      dots[count++] = (gl_dot){catmull_rom(a.x, b.x, c.x, d.x, t), catmull_rom(a.y, b.y, c.y, d.y, t),
                               catmull_rom(a.r, b.r, c.r, d.r, t), GL_SMOOTH};
    }
  }
  return count;
}

/* One segment, with the radius going from a's to b's. */
static void ink_segment(gl_dot a, gl_dot b, float *canvas, int side) {
  float reach = max(a.r, b.r) + EDGE / 2, last = (float)(side - 1);
  int left = (int)max(0, ceilf(min(a.x, b.x) - reach)), right = (int)min(last, floorf(max(a.x, b.x) + reach));
  int top = (int)max(0, ceilf(min(a.y, b.y) - reach)), bottom = (int)min(last, floorf(max(a.y, b.y) + reach));
  float dx = b.x - a.x, dy = b.y - a.y, dr = b.r - a.r;
  float scale = 1 / max(dx * dx + dy * dy, 1e-12f);
  for (int y = top; y <= bottom; y++) {
    float *row = canvas + y * side, py = (float)y - a.y;
    for (int x = left; x <= right; x++) {
      float px = (float)x - a.x;
      float t = clamp01((px * dx + py * dy) * scale); /* where on the segment the pixel's nearest point is */
      float ex = px - t * dx, ey = py - t * dy;
      float d2 = ex * ex + ey * ey;
      if (d2 >= reach * reach)
        continue;
      float ink = clamp01(0.5f + (a.r + t * dr - sqrtf(d2)) / EDGE);
      row[x] = max(row[x], ink * ink * (3 - 2 * ink));
    }
  }
}

void gl_strokes_ink(const gl_dot *dots, int n, float *canvas, int side) {
  for (int i = 1; i < n; i++)
    if (dots[i].kind != GL_START)
      ink_segment(dots[i - 1], dots[i], canvas, side);
}
