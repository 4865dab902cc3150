/**
 * @class vtkPaddedActor
 * @brief An actor whose bounds reach further than its points, by the radius of what is drawn around them.
 *
 * vtkPointGaussianMapper's bounds are those of the points' centres. On several ranks IceT composites only the part of the
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

  using vtkOpenGLActor::GetBounds;
  double* GetBounds() override;

protected:
  vtkPaddedActor() = default;
  ~vtkPaddedActor() override = default;

private:
  vtkPaddedActor(const vtkPaddedActor&) = delete;
  void operator=(const vtkPaddedActor&) = delete;

  double Padding = 0.0;
  double PaddedBounds[6];
};

#endif
