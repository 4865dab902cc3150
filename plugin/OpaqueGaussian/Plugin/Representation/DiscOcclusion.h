/**
 * Which of many discs can be seen: an occlusion test on the processor, without a graphics card.
 *
 * What covers the middle of a pixel, as OpenGL's rules of rasterization have it, lights that pixel. So a disc can be left out where
 * each pixel whose middle it may cover is covered for sure by a disc that is nearer, and where there is no such pixel. "May" and
 * "for sure" differ by margins: for the rounding of single precision, and since circles are compared, where a disc is an
 * ellipse in the picture. What is drawn of the discs that are left is the picture that all of them would give.
 *
 * Discs are those of vtkPointGaussianGS.glsl (VTK 9.2): perpendicular to the line from the camera to their centre; in a parallel
 * projection, to the direction of view.
 */
#ifndef DiscOcclusion_h
#define DiscOcclusion_h

#include "vtkSmartPointer.h"
#include "vtkType.h"

#include <array>
#include <vector>

class vtkIdList;
class vtkMatrix4x4;

class DiscOcclusion
{
public:
  /**
   * Discs of one radius, in the camera's coordinates, seen through a viewport of that many pixels. `toCamera` takes points to
   * the camera's coordinates, and `projection` those to clip coordinates. The points are within the bounds.
   */
  DiscOcclusion(vtkMatrix4x4* toCamera, vtkMatrix4x4* projection, const double bounds[6], double radius, const int size[2]);

  /**
   * Whether the projection is one of those that the answers are right for. It is not where the picture is taken from beside the
   * camera that the discs face, as one eye's of a stereo picture is.
   */
  static bool IsFeasible(vtkMatrix4x4* projection);

  /**
   * Take `n_points` centres, x, y and z of each, into account; of all sets of points, before the first question. Gives indices of those
   * that may be seen as far as is known by then.
   */
  template <typename Real>
  vtkSmartPointer<vtkIdList> Add(const Real* centers, vtkIdType n_points);

  /**
   * Of those, the ones that may be seen now that all are known.
   */
  template <typename Real>
  vtkSmartPointer<vtkIdList> FindVisible(const Real* centers, vtkIdList* candidates) const;

private:
  struct Disc
  {
    float X, Y;              // pixels from the lower left
    float Inner[2];          // radii, across and up, of what is in the disc for sure; negative: nothing
    float Outer[2];          // and of what the disc is in; negative: it is not seen at all
    float Nearest, Farthest; // distances, along the direction of view, that it is between for sure
  };

  /**
   * So many at a time, in loops that a compiler can make use of vector instructions for.
   */
  static constexpr int BATCH = 256;
  template <typename Real>
  void Project(const Real* centers, int n_points, Disc* discs) const;

  /**
   * Call visit(first pixel, number of pixels), row by row, with those whose middle is in an ellipse; until it gives false.
   */
  template <typename Visitor>
  void VisitRows(float x, float y, const float radii[2], Visitor visit) const;

  bool MayBeSeen(const Disc& disc) const;
  void Cover(const Disc& disc);

  double ToCamera[3][4];
  double Projection[4][4];
  double Radius;
  double Pixels[2];            // that a length of 1 has at a distance of 1 from the camera
  double Error;                // of a coordinate in single precision
  std::array<double, 2> Range; // distances of the nearest and the farthest plane
  double DepthStep[2];         // a and b of a + b * distance * distance, which a depth buffer tells apart for sure
  int Width, Height;
  bool IsParallel;
  std::vector<float> Covered;  // distance of the nearest disc that covers a pixel for sure
};

#endif
