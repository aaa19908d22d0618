/* portrait.h -- inside synth/: a face from its attributes and its look. */
#ifndef GENLAT_PORTRAIT_H
#define GENLAT_PORTRAIT_H

#include "synth/canvas.h"

/* What makes a face somebody's. Unless said otherwise, numbers go from -1 to 1 and 0 is the middle. */
typedef struct gl_look {
  float shift_x, shift_y; /* of the head, half sides of the picture */
  float scale, tilt;      /* of the head: a factor; radians, clockwise */
  float width, jaw;       /* narrow to broad; pointed to square */
  float brow_arch, brow_tilt, brow_weight, brow_height;
  float nose, lips, mouth;       /* small to large; pale to red; narrow to wide */
  float blush;                   /* 0 to 1 */
  float parting, fringe, curl;   /* left to right; 0 to 1: a high forehead to a fringe; straight to curly */
  float light;                   /* from the left to from the right */
  int shirt, collar, iris, rims; /* which of the colours and forms below */
  float square;                  /* 0 to 1: round to square glasses */
  bool striped, earrings;
} gl_look;

enum { GL_LOOK_SHIRTS = 10, GL_LOOK_COLLARS = 4, GL_LOOK_IRISES = 5, GL_LOOK_RIMS = 5 };

/* Makes the sketch of a face with these attributes, in synth.h's order. */
void gl_portrait(const float *factors, const gl_look *look, gl_sketch *sketch);

#endif
