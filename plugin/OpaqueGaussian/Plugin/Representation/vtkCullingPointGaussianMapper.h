/**
 * @class vtkCullingPointGaussianMapper
 * @brief Point Gaussian's mapper that leaves out points that cannot be seen, where the processor draws.
 *
 * A rasterizer in software (Mesa's llvmpipe) takes about a microsecond a point, whether it is seen or not, and of millions of stars most
 * lie behind others, or between the middles of pixels. To find them takes some hundredth of that (DiscOcclusion). The picture is the
 * same. A graphics card is faster without it, and selections want all points.
 */
#ifndef vtkCullingPointGaussianMapper_h
#define vtkCullingPointGaussianMapper_h

#include "vtkOpenGLPointGaussianMapper.h"
#include "vtkSmartPointer.h"

#include <vector>

class vtkCompositeDataSet;
class vtkMatrix4x4;
class vtkPolyData;

class vtkCullingPointGaussianMapper : public vtkOpenGLPointGaussianMapper
{
public:
  static vtkCullingPointGaussianMapper* New();
  vtkTypeMacro(vtkCullingPointGaussianMapper, vtkOpenGLPointGaussianMapper);
  void PrintSelf(ostream& os, vtkIndent indent) override;

  /**
   * When points that cannot be seen are left out.
   */
  enum CullingMode
  {
    NEVER,
    WHERE_THE_PROCESSOR_DRAWS, // the default
    ALWAYS
  };
  vtkSetClampMacro(Culling, int, NEVER, ALWAYS);
  vtkGetMacro(Culling, int);

  /**
   * Whether what is drawn of each point is an opaque disc: without that, nothing is known to be hidden.
   */
  void SetDrawsOpaqueDiscs(bool draws) { this->DrawsOpaqueDiscs = draws; }

  /**
   * Points that the last picture was drawn with.
   */
  vtkGetMacro(NumberOfDrawnPoints, vtkIdType);

  /**
   * Have another mapper draw its points as this one draws its own.
   */
  void CopyLookTo(vtkPointGaussianMapper* other);

  void Render(vtkRenderer* renderer, vtkActor* actor) override;
  void ReleaseGraphicsResources(vtkWindow* window) override;

protected:
  vtkCullingPointGaussianMapper();
  ~vtkCullingPointGaussianMapper() override;

private:
  vtkCullingPointGaussianMapper(const vtkCullingPointGaussianMapper&) = delete;
  void operator=(const vtkCullingPointGaussianMapper&) = delete;

  /**
   * Whether the array that gives the colours is found again among those of some points.
   */
  bool HasSimpleScalars();
  bool Culls(vtkRenderer* renderer, vtkMatrix4x4* projection, vtkCompositeDataSet* points);
  /**
   * The points, and of their arrays the one that gives the colours.
   */
  vtkSmartPointer<vtkPolyData> WhatIsDrawn(vtkPolyData* leaf);
  void FindVisible(vtkRenderer* renderer, vtkActor* actor, vtkMatrix4x4* projection, vtkCompositeDataSet* points);

  int Culling = WHERE_THE_PROCESSOR_DRAWS;
  bool DrawsOpaqueDiscs = false;
  vtkIdType NumberOfDrawnPoints = 0;
  vtkSmartPointer<vtkPointGaussianMapper> VisibleMapper;
  std::vector<double> LastSeen; ///< from where VisibleMapper's points were looked at, how large they were, and where
};

#endif
