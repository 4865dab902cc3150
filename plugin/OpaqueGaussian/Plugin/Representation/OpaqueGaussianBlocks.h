/**
 * The forms in which the points of a rank are needed: to be moved between ranks, to be drawn, and to be drawn while the camera
 * moves. A form is a tree of blocks with the structure of what it was made of; its arrays are shared where they can be.
 */
#ifndef OpaqueGaussianBlocks_h
#define OpaqueGaussianBlocks_h

#include "vtkSmartPointer.h"
#include "vtkType.h"

#include <functional>

class vtkCompositeDataSet;
class vtkIdList;
class vtkPointSet;
class vtkPolyData;

namespace OpaqueGaussianBlocks
{
using Change = std::function<vtkSmartPointer<vtkPolyData>(vtkPolyData*)>;

/**
 * Another data set in the place of each leaf that has points.
 */
vtkSmartPointer<vtkCompositeDataSet> Changed(vtkCompositeDataSet* blocks, const Change& change);

/**
 * Some points with their arrays, without cells.
 */
vtkSmartPointer<vtkPolyData> Chosen(vtkPolyData* leaf, vtkIdList* ids);

/**
 * The points of a data set, each with a vertex cell. What is moved between ranks where another representation of the view is
 * translucent are cells, and points that no cell uses would be lost.
 */
vtkSmartPointer<vtkPolyData> WithVertices(vtkPointSet* input);

/**
 * The same without the cells. vtkOpenGLPointGaussianMapper draws the points as they are then; of cells it would copy them one
 * by one, and go through all of them again for radii, colours and bounds.
 */
vtkSmartPointer<vtkCompositeDataSet> WithoutVertices(vtkCompositeDataSet* blocks);

/**
 * About one of every `step` points, at random among its neighbours in memory, each with a vertex cell.
 */
vtkSmartPointer<vtkCompositeDataSet> Thinned(vtkCompositeDataSet* blocks, vtkIdType step);

/**
 * Whether the leaves of both have the same cells, in memory: no point has gone to another rank.
 */
bool ShareCells(vtkCompositeDataSet* one, vtkCompositeDataSet* other);
}

#endif
