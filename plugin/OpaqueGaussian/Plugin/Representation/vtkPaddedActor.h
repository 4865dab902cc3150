/**
 * @class vtkPaddedActor
 * @brief An actor whose bounds are told to it, and reach further than its points, by the radius of what is drawn around them.
 *
 * It may also be left out of pictures, without being modified: what is modified sends its points to the graphics card again.
 *
 * vtkPointGaussianMapper's bounds are those of the cells' points, of their centres. Where there are no cells, there are none. On several ranks IceT composites only the part of the
 * picture that the bounds cover, so that the outermost spheres are cut in half there, and whole on one rank.
 */
#ifndef vtkPaddedActor_h
#define vtkPaddedActor_h

#include "vtkOpenGLActor.h"

class vtkPaddedActor : public vtkOpenGLActor
{
public:
  static vtkPaddedActor* New();
  vtkTypeMacro(vtkPaddedActor, vtkOpenGLActor);
  void PrintSelf(ostream& os, vtkIndent indent) override;

  ///@{
  /**
   * How far the bounds reach beyond the points, in world units; the radius of a sphere does not follow the actor's scale.
   */
  vtkSetMacro(Padding, double);
  vtkGetMacro(Padding, double);
  ///@}

  /**
   * What the bounds of the points are, before they are moved as the actor is. Not initialized: there are no points.
   */
  void SetPointBounds(const double bounds[6]);

  /**
   * Whether it is in the next picture.
   */
  void SetDrawn(bool drawn) { this->Drawn = drawn; }

  int RenderOpaqueGeometry(vtkViewport* viewport) override;
  int RenderTranslucentPolygonalGeometry(vtkViewport* viewport) override;
  vtkTypeBool HasTranslucentPolygonalGeometry() override;

  using vtkOpenGLActor::GetBounds;
  double* GetBounds() override;

protected:
  vtkPaddedActor() = default;
  ~vtkPaddedActor() override = default;

private:
  vtkPaddedActor(const vtkPaddedActor&) = delete;
  void operator=(const vtkPaddedActor&) = delete;

  bool Drawn = true;
  double Padding = 0.0;
  double PointBounds[6] = { 1.0, -1.0, 1.0, -1.0, 1.0, -1.0 };
  double PaddedBounds[6];
};

#endif
