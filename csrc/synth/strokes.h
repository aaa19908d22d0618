/* strokes.h -- inside synth/: pen strokes, from knots to a smooth line to anti-aliased ink. */
#ifndef GENLAT_STROKES_H
#define GENLAT_STROKES_H

/* What happens at a knot. A corner is where the direction jumps; a start is where the pen is set down. */
typedef enum gl_knot_kind { GL_SMOOTH, GL_CORNER, GL_START } gl_knot_kind;

typedef struct gl_dot { /* a point of a stroke: place, pen radius, and whether the pen comes here from the one before */
  float x, y, r;
  gl_knot_kind kind;
} gl_dot;

/* Lays a Catmull-Rom spline through the knots, radius included, and writes it as dots about `step` apart.
 * Returns the number of dots, at most max. */
int gl_strokes_flatten(const gl_dot *knots, int n, float step, gl_dot *dots, int max);

/* Draws the dots' segments into canvas (side x side, 0 no ink to 1 full): a pixel whose centre is at distance d from
 * a line of radius r has 1/2 where d = r, fading smoothly to both sides, and the largest value counts. */
void gl_strokes_ink(const gl_dot *dots, int n, float *canvas, int side);

#endif
