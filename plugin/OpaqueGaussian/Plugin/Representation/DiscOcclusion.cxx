#include "DiscOcclusion.h"

#include "vtkIdList.h"
#include "vtkMatrix4x4.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace
{
const double MARGIN = 0.02;       // pixels: Mesa's llvmpipe rounds corners of triangles to 1/256
const double DEPTH_MARGIN = 1e-6; // of 2 from near to far: a depth buffer of 24 bits has steps of 1.2e-7
const double ROUNDINGS = 8.0;     // in a product of a matrix and a point: the graphics card's, and these here
const double OFFSET_MARGIN = 1e-4; // of 2: vtkMapper moves what is drawn so far back, against coincident topology, and clamps it
const double SMALLEST = 0.1;      // pixels: the depths of what is smaller are noise
const double ROUNDED = 4e-7;      // share of the radius that vtkPointGaussianGS.glsl's triangle may cut off
const float EVERYWHERE = 1e9f;    // in pixels
const double LARGEST_SHARE = 0.5; // of the distance that the radius may be: nearer discs are taken to be seen

//----------------------------------------------------------------------------
// Distances of the nearest and the farthest plane.
std::array<double, 2> PlanesOf(vtkMatrix4x4* projection)
{
  const double scale = projection->GetElement(2, 2), shift = projection->GetElement(2, 3);
  if (projection->GetElement(3, 2) == 0.0) // a depth is shift - scale * distance in a parallel projection, shift / distance - scale else
  {
    return { (shift + 1.0) / scale, (shift - 1.0) / scale };
  }
  return { shift / (scale - 1.0), shift / (scale + 1.0) };
}

//----------------------------------------------------------------------------
// The first pixel whose middle is not before a place that is not negative.
int PixelFrom(float place)
{
  return static_cast<int>(place + 0.5f);
}
}

//----------------------------------------------------------------------------
DiscOcclusion::DiscOcclusion(
  vtkMatrix4x4* toCamera, vtkMatrix4x4* projection, const double bounds[6], double radius, const int size[2])
  : Radius(radius)
  , Width(size[0])
  , Height(size[1])
  , IsParallel(projection->GetElement(3, 2) == 0.0)
  , Covered(static_cast<std::size_t>(size[0]) * size[1], std::numeric_limits<float>::infinity())
{
  std::copy_n(toCamera->GetData(), 12, &this->ToCamera[0][0]);
  std::copy_n(projection->GetData(), 16, &this->Projection[0][0]);
  const auto& p = this->Projection;
  this->Pixels[0] = 0.5 * this->Width * std::abs(p[0][0]);
  this->Pixels[1] = 0.5 * this->Height * std::abs(p[1][1]);
  this->Range = PlanesOf(projection);
  this->DepthStep[0] = this->IsParallel ? DEPTH_MARGIN / std::abs(p[2][2]) : 0.0;
  this->DepthStep[1] = this->IsParallel ? 0.0 : DEPTH_MARGIN / std::abs(p[2][3]);
  // What is drawn is computed in single precision: a point is as far off, in the camera's coordinates, as the largest of them are.
  double largest = 0.0;
  for (const auto& row : this->ToCamera)
  {
    double sum = std::abs(row[3]);
    for (int axis = 0; axis < 3; ++axis)
    {
      sum += std::abs(row[axis]) * std::max(std::abs(bounds[2 * axis]), std::abs(bounds[2 * axis + 1]));
    }
    largest = sum <= largest ? largest : sum; // also where it is not a number
  }
  largest = std::isfinite(largest) ? largest : std::numeric_limits<double>::infinity(); // then nothing is sure
  this->Error = ROUNDINGS * std::numeric_limits<float>::epsilon() * largest;
}

//----------------------------------------------------------------------------
bool DiscOcclusion::IsFeasible(vtkMatrix4x4* projection)
{
  const int others[][2] = { { 0, 1 }, { 1, 0 }, { 2, 0 }, { 2, 1 }, { 3, 0 }, { 3, 1 } };
  const bool is_perspective = projection->GetElement(3, 2) == -1.0 && projection->GetElement(3, 3) == 0.0 &&
    projection->GetElement(0, 3) == 0.0 && projection->GetElement(1, 3) == 0.0;
  const bool is_parallel = projection->GetElement(3, 2) == 0.0 && projection->GetElement(3, 3) == 1.0;
  const auto planes = PlanesOf(projection);
  return (is_perspective || is_parallel) && std::isfinite(planes[0]) && std::isfinite(planes[1]) && planes[0] < planes[1] &&
    (is_parallel || planes[0] > 0.0) && std::none_of(std::begin(others), std::end(others), [&](const int element[2]) {
    return projection->GetElement(element[0], element[1]) != 0.0;
  });
}

//----------------------------------------------------------------------------
template <typename Real>
void DiscOcclusion::Project(const Real* centers, int n_points, Disc* discs) const
{
  Real m[3][4], p[4][4];
  std::copy_n(&this->ToCamera[0][0], 12, &m[0][0]);
  std::copy_n(&this->Projection[0][0], 16, &p[0][0]);
  const Real half_width = Real(0.5) * this->Width, half_height = Real(0.5) * this->Height, radius = this->Radius;
  const Real pixels_x = this->Pixels[0], pixels_y = this->Pixels[1], error = this->Error, margin = MARGIN;
  const Real error_pixels = error * (std::max(pixels_x, pixels_y) + std::max(this->Width, this->Height));
  const Real step = this->DepthStep[0] + error + (this->IsParallel ? Real(0) : radius); // no disc is tilted by more than its radius
  const Real offset = this->DepthStep[0] * (OFFSET_MARGIN / DEPTH_MARGIN);
  const Real square_offset = this->DepthStep[1] * (OFFSET_MARGIN / DEPTH_MARGIN), least = SMALLEST, rounded = 1 - ROUNDED;
  const Real square_step = this->DepthStep[1], front = this->Range[0], back = this->Range[1];
  const bool is_parallel = this->IsParallel;
  for (int i = 0; i < n_points; ++i)
  {
    const Real* c = centers + 3 * i;
    const Real x = m[0][0] * c[0] + m[0][1] * c[1] + m[0][2] * c[2] + m[0][3];
    const Real y = m[1][0] * c[0] + m[1][1] * c[1] + m[1][2] * c[2] + m[1][3];
    const Real away = -(m[2][0] * c[0] + m[2][1] * c[1] + m[2][2] * c[2] + m[2][3]);
    const Real uncertain = step + square_step * away * away;
    const Real nearest = away - uncertain, farthest = away + uncertain;
    const Real per_w = is_parallel ? Real(1) : Real(1) / away;
    const Real u = x * per_w, v = y * per_w, beside = away * per_w;
    // A disc is seen within an angle a, tan a = radius / distance, round a direction that is an angle t from that of view. In a
    // picture plane at a distance of 1 it contains a circle of radius sin a / cos t, and reaches outwards by tan (t + a) - tan t =
    // tan a / cos t / (cos t - sin t tan a). What stands here is less than the one, and more than the other, without a root.
    const Real share = radius * per_w; // tan a / cos t
    const Real inner = is_parallel ? share * rounded : share * rounded * (1 - Real(0.5) * share * share);
    const Real outer = is_parallel ? share : share * (1 + Real(0.5) * (u * u + v * v)) / (1 - share);
    const Real off = margin + error_pixels * per_w;
    const bool is_known = is_parallel || (away > 0 && share < LARGEST_SHARE);
    const bool is_whole = is_known && nearest > front && farthest + offset + square_offset * away * away < back;
    const bool is_in_range = farthest >= front && nearest <= back;
    Disc& disc = discs[i];
    disc.X = is_known ? (p[0][0] * u - p[0][2] * beside + p[0][3] * per_w + 1) * half_width : half_width;
    disc.Y = is_known ? (p[1][1] * v - p[1][2] * beside + p[1][3] * per_w + 1) * half_height : half_height;
    disc.Inner[0] = is_whole && inner * pixels_x > least ? inner * pixels_x - off : -1;
    disc.Inner[1] = is_whole && inner * pixels_y > least ? inner * pixels_y - off : -1;
    disc.Outer[0] = !is_in_range ? -1 : is_known ? outer * pixels_x + off : EVERYWHERE;
    disc.Outer[1] = !is_in_range ? -1 : is_known ? outer * pixels_y + off : EVERYWHERE;
    disc.Nearest = nearest;
    disc.Farthest = farthest;
  }
}

//----------------------------------------------------------------------------
template <typename Visitor>
void DiscOcclusion::VisitRows(float x, float y, const float radii[2], Visitor visit) const
{
  const float width = this->Width, height = this->Height;
  const float left = x - radii[0], right = x + radii[0], bottom = y - radii[1], top = y + radii[1];
  if (!(radii[0] > 0 && radii[1] > 0 && right > 0 && left < width && top > 0 && bottom < height))
  {
    return; // out of sight, or not a number
  }
  const int first_row = PixelFrom(std::max(bottom, 0.0f)), end_row = PixelFrom(std::min(top, height));
  const int first_column = PixelFrom(std::max(left, 0.0f)), end_column = PixelFrom(std::min(right, width));
  if (first_column >= end_column)
  {
    return;
  }
  for (int row = first_row; row < end_row; ++row)
  {
    const float share = (row + 0.5f - y) / radii[1];
    int first = first_column, end = end_column;
    if (end - first == 1) // most discs of many: no root for them
    {
      const float across = (first + 0.5f - x) / radii[0];
      end = across * across + share * share <= 1.0f ? end : first;
    }
    else
    {
      const float half = radii[0] * std::sqrt(std::max(0.0f, 1.0f - share * share));
      first = PixelFrom(std::max(x - half, 0.0f));
      end = PixelFrom(std::max(std::min(x + half, width), 0.0f));
    }
    if (first < end && !visit(static_cast<std::size_t>(row) * this->Width + first, end - first))
    {
      return;
    }
  }
}

//----------------------------------------------------------------------------
bool DiscOcclusion::MayBeSeen(const Disc& disc) const
{
  bool is_hidden = true;
  this->VisitRows(disc.X, disc.Y, disc.Outer, [&](std::size_t first, int n_pixels) {
    const float* covered = this->Covered.data() + first;
    is_hidden = std::all_of(covered, covered + n_pixels, [&](float distance) { return distance < disc.Nearest; });
    return is_hidden;
  });
  return !is_hidden;
}

//----------------------------------------------------------------------------
void DiscOcclusion::Cover(const Disc& disc)
{
  this->VisitRows(disc.X, disc.Y, disc.Inner, [&](std::size_t first, int n_pixels) {
    float* covered = this->Covered.data() + first;
    std::transform(covered, covered + n_pixels, covered, [&](float distance) { return std::min(distance, disc.Farthest); });
    return true;
  });
}

//----------------------------------------------------------------------------
template <typename Real>
vtkSmartPointer<vtkIdList> DiscOcclusion::Add(const Real* centers, vtkIdType n_points)
{
  auto candidates = vtkSmartPointer<vtkIdList>::New();
  Disc discs[BATCH];
  for (vtkIdType first = 0; first < n_points; first += BATCH)
  {
    const int n_discs = static_cast<int>(std::min<vtkIdType>(BATCH, n_points - first));
    this->Project(centers + 3 * first, n_discs, discs);
    for (int i = 0; i < n_discs; ++i)
    {
      if (this->MayBeSeen(discs[i]))
      {
        this->Cover(discs[i]);
        candidates->InsertNextId(first + i);
      }
    }
  }
  return candidates;
}

//----------------------------------------------------------------------------
template <typename Real>
vtkSmartPointer<vtkIdList> DiscOcclusion::FindVisible(const Real* centers, vtkIdList* candidates) const
{
  auto visible = vtkSmartPointer<vtkIdList>::New();
  Disc disc;
  for (vtkIdType i = 0; i < candidates->GetNumberOfIds(); ++i)
  {
    const vtkIdType id = candidates->GetId(i);
    this->Project(centers + 3 * id, 1, &disc);
    if (this->MayBeSeen(disc))
    {
      visible->InsertNextId(id);
    }
  }
  return visible;
}

template vtkSmartPointer<vtkIdList> DiscOcclusion::Add(const float*, vtkIdType);
template vtkSmartPointer<vtkIdList> DiscOcclusion::Add(const double*, vtkIdType);
template vtkSmartPointer<vtkIdList> DiscOcclusion::FindVisible(const float*, vtkIdList*) const;
template vtkSmartPointer<vtkIdList> DiscOcclusion::FindVisible(const double*, vtkIdList*) const;
