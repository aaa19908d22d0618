/* canvas.h -- inside synth/: colour pictures painted from shapes with smooth edges.
 *
 * A part is a region of the plane: an ellipse, a rounded box, a thick line, all above a curve. A shape is what some
 * parts have in common, filled with a colour or with two that run into each other. Shapes are added to a sketch, from
 * back to front; then the sketch is painted at any size.
 */
#ifndef GENLAT_CANVAS_H
#define GENLAT_CANVAS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct gl_colour { /* each 0 to 1, as in the picture's bytes (sRGB) */
  float r, g, b;
} gl_colour;

typedef enum gl_part_kind { GL_ELLIPSE, GL_BOX, GL_LINE, GL_ABOVE } gl_part_kind;

typedef struct gl_part {
  gl_part_kind kind;
  float x, y;    /* centre; a line's beginning; a point of a curve */
  float a, b, c; /* see the functions that make parts */
  float taper,
      lean;     /* ellipse: how much narrower its lowest point would be; how far that is to the right, per height */
  float angle;  /* clockwise about (x, y), radians */
  float grow;   /* moves the edge outwards */
  float soft;   /* the width over which the edge fades; 0 for a sharp one */
  float ring;   /* > 0: only the edge itself, this wide */
  bool outside; /* everything but the region */
  float cosine, sine; /* of the angle: set by gl_sketch_add */
} gl_part;

/* Half axes: to both sides, up, down. */
static inline gl_part gl_egg(float x, float y, float side, float up, float down) {
  return (gl_part){.kind = GL_ELLIPSE, .x = x, .y = y, .a = side, .b = up, .c = down};
}
static inline gl_part gl_ellipse(float x, float y, float rx, float ry) { return gl_egg(x, y, rx, ry, ry); }
static inline gl_part gl_box(float x, float y, float half_width, float half_height, float corner) {
  return (gl_part){.kind = GL_BOX, .x = x, .y = y, .a = half_width, .b = half_height, .c = corner};
}
/* Everything above y + slope (X - x) + bend (X - x)^2; above is where Y is smaller. */
static inline gl_part gl_above(float x, float y, float slope, float bend) {
  return (gl_part){.kind = GL_ABOVE, .x = x, .y = y, .a = slope, .b = bend};
}
static inline gl_part gl_below(float x, float y, float slope, float bend) {
  gl_part p = gl_above(x, y, slope, bend);
  p.outside = true;
  return p;
}
/* From one point to another, with the radius going from r1 to r2. */
gl_part gl_line(float x1, float y1, float x2, float y2, float r1, float r2);

typedef struct gl_fill {
  gl_colour from, to;   /* at the two points, and beyond them */
  float x1, y1, x2, y2; /* the same point twice: `from` everywhere */
  float opacity;
} gl_fill;

static inline gl_fill gl_flat(gl_colour c) { return (gl_fill){.from = c, .to = c, .opacity = 1}; }
static inline gl_fill gl_glaze(gl_colour c, float opacity) { return (gl_fill){.from = c, .to = c, .opacity = opacity}; }
static inline gl_fill gl_gradient(gl_colour from, gl_colour to, float x1, float y1, float x2, float y2) {
  return (gl_fill){from, to, x1, y1, x2, y2, 1};
}

gl_colour gl_mix(gl_colour a, gl_colour b, float t); /* a where t <= 0, b where t >= 1 */

enum { GL_SHAPE_PARTS = 4, GL_SKETCH_SHAPES = 128, GL_CANVAS_MAX = 512 };

typedef struct gl_shape {
  gl_part part[GL_SHAPE_PARTS];
  int parts;
  gl_fill fill;
} gl_shape;

typedef struct gl_frame { /* where a part is put: enlarged and turned about (0, 0), then moved */
  float x, y, scale, angle;
} gl_frame;

typedef struct gl_sketch { /* of a picture whose left upper corner is (-1, -1) and right lower corner (1, 1) */
  gl_frame frame;          /* for the shapes that come next */
  gl_shape shape[GL_SKETCH_SHAPES];
  int shapes;
} gl_sketch;

/* Adds the region that n <= GL_SHAPE_PARTS parts have in common. The first bounds it: no curve, not outside. Beyond
 * GL_SKETCH_SHAPES nothing is added. */
void gl_sketch_add(gl_sketch *s, gl_fill fill, int n, const gl_part *parts);

/* Paints side x side x 3 bytes, side <= GL_CANVAS_MAX. */
void gl_sketch_paint(const gl_sketch *s, int side, uint8_t *image);

#endif
