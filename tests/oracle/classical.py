"""Small classical models with the predictions of the libraries that trained them.

Writes NAME.mlmodel and NAME.csv into a folder. A row of the CSV file is one prediction: a column for
each input, "=OUTPUT" for an expected number or label, "=OUTPUT:KEY" for an expected entry of a
dictionary. An empty field is an input that is left out. Models are trained on data that comes with
scikit-learn, and converted by coremltools; expected values are computed by the library alone.

  python3 tests/oracle/classical.py tests/data/classical

needs coremltools 9.0, scikit-learn 1.5.1, xgboost 2.1.4 and libsvm-official 3.37.0.
"""
import csv
import math
import os
import sys
import warnings

import coremltools
import libsvm as libsvm_package
import numpy as np
import xgboost
from libsvm import svm as libsvm_module
from libsvm import svmutil
from sklearn import datasets, ensemble, linear_model, neighbors, pipeline, preprocessing, svm, tree
from sklearn.feature_extraction import DictVectorizer
from sklearn.impute import SimpleImputer

warnings.filterwarnings('ignore')
ROWS = 24
# coremltools asks for a version, and looks for the names of LIBSVM's kinds in its module; this version keeps them in enums.
for enum in (libsvm_module.svm_forms, libsvm_module.kernel_names):
    for member in enum:
        setattr(libsvm_module, member.name, member)
libsvm_package.__version__ = '3.37.0'


def data(name):
    """Numbers as the trees of scikit-learn and XGBoost see them: float32. Every row is of training;
    rows in the test are taken from all over the set."""
    x, y = getattr(datasets, 'load_' + name)(return_X_y=True)
    return x.astype(np.float32).astype(np.float64), y


def pick(x):
    return np.linspace(0, len(x) - 1, ROWS).astype(int)


def names(x):
    return ['f%02d' % i for i in range(x.shape[1])]


def text(value):
    if isinstance(value, float) and math.isnan(value):
        return 'nan'
    return repr(value.item() if hasattr(value, 'item') else value) if not isinstance(value, str) else value


def write(folder, name, model, columns, rows):
    (model if hasattr(model, 'save') else coremltools.models.MLModel(model, skip_model_load=True)).save(
        os.path.join(folder, name + '.mlmodel'))
    with open(os.path.join(folder, name + '.csv'), 'w', newline='') as stream:
        writer = csv.writer(stream, lineterminator='\n')
        writer.writerow(columns)
        writer.writerows([[text(value) for value in row] for row in rows])


def classes(model, x, rows, with_probabilities):
    """Columns and values of what a classifier gives."""
    labels = model.classes_
    columns = ['=target']
    values = [[label] for label in model.predict(x[rows])]
    if with_probabilities:
        columns += ['=classProbability:%s' % label for label in labels]
        for row, probabilities in zip(values, model.predict_proba(x[rows])):
            row += list(probabilities)
    return columns, values


def sklearn_classifier(folder, name, model, x, y, with_probabilities=True, scale=1):
    model.fit(x, y)
    rows = pick(x)
    converted = coremltools.converters.sklearn.convert(model, names(x), 'target')
    columns, values = classes(model, x, rows, with_probabilities)
    values = [[value[0]] + [scale * v for v in value[1:]] for value in values]
    write(folder, name, converted, names(x) + columns,
          [list(x[row]) + value for row, value in zip(rows, values)])


def sklearn_regressor(folder, name, model, x, y):
    model.fit(x, y)
    rows = pick(x)
    converted = coremltools.converters.sklearn.convert(model, names(x), 'target')
    write(folder, name, converted, names(x) + ['=target'],
          [list(x[row]) + [value] for row, value in zip(rows, model.predict(x[rows]))])


def with_string_labels(y):
    return np.array(['setosa', 'versicolor', 'virginica'])[y]


def linear_models(folder):
    x, y = data('diabetes')
    sklearn_regressor(folder, 'linear_regression', linear_model.LinearRegression(), x, y)
    x, y = data('iris')
    one_vs_rest = linear_model.LogisticRegression(multi_class='ovr', max_iter=1000)
    sklearn_classifier(folder, 'logistic_three_classes', one_vs_rest, x, with_string_labels(y))
    sklearn_classifier(folder, 'logistic_two_classes',
                       linear_model.LogisticRegression(multi_class='ovr'), x[y > 0], y[y > 0])


def trees(folder):
    x, y = data('diabetes')
    sklearn_regressor(folder, 'tree_regression', tree.DecisionTreeRegressor(max_depth=5), x, y)
    sklearn_regressor(folder, 'forest_regression',
                      ensemble.RandomForestRegressor(8, max_depth=4, random_state=0), x, y)
    sklearn_regressor(folder, 'boosted_regression',
                      ensemble.GradientBoostingRegressor(n_estimators=12, random_state=0), x, y)
    x, y = data('iris')
    # Of more than two classes coremltools writes the sum over the trees, not the mean.
    sklearn_classifier(folder, 'forest_three_classes',
                       ensemble.RandomForestClassifier(8, max_depth=3, random_state=0), x,
                       with_string_labels(y), scale=8)
    sklearn_classifier(folder, 'boosted_three_classes',
                       ensemble.GradientBoostingClassifier(n_estimators=6, random_state=0), x, y)
    x, y = data('breast_cancer')
    sklearn_classifier(folder, 'tree_two_classes',
                       tree.DecisionTreeClassifier(max_depth=4, random_state=0), x, y)
    sklearn_classifier(folder, 'boosted_two_classes',
                       ensemble.GradientBoostingClassifier(n_estimators=8, random_state=0), x, y)


def boosters(folder):
    """XGBoost, with values missing in training and in prediction."""
    x, y = data('diabetes')
    gaps = np.random.default_rng(0).random(x.shape) < 0.1
    x = np.where(gaps, np.nan, x)
    model = xgboost.XGBRegressor(n_estimators=12, max_depth=4, base_score=0.5)
    model.fit(x, y)
    rows = pick(x)
    converted = coremltools.converters.xgboost.convert(model, names(x), 'target')
    write(folder, 'xgboost_regression', converted, names(x) + ['=target'],
          [list(x[row]) + [float(value)] for row, value in zip(rows, model.predict(x[rows]))])
    for name, dataset in (('xgboost_three_classes', 'iris'), ('xgboost_two_classes', 'breast_cancer')):
        x, y = data(dataset)
        model = xgboost.XGBClassifier(n_estimators=6, max_depth=3, base_score=0.5)
        model.fit(x, y)
        rows = pick(x)
        converted = coremltools.converters.xgboost.convert(
            model, names(x), 'target', mode='classifier', n_classes=len(set(y)))
        columns, values = classes(model, x, rows, True)
        write(folder, name, converted, names(x) + columns,
              [list(x[row]) + [int(value[0])] + [float(v) for v in value[1:]]
               for row, value in zip(rows, values)])


def support_vectors(folder):
    x, y = data('iris')
    x, y = x[::3], y[::3]
    for kernel in ('linear', 'rbf', 'poly', 'sigmoid'):
        sklearn_classifier(folder, 'svm_' + kernel,
                           svm.SVC(kernel=kernel, gamma=0.1, coef0=0.5, degree=3), x, y, False)
    sklearn_classifier(folder, 'svm_two_classes', svm.NuSVC(gamma=0.2), x[y > 0], y[y > 0], False)
    x, y = data('diabetes')
    sklearn_regressor(folder, 'svm_regression', svm.SVR(kernel='rbf', gamma=50, C=100), x[::6], y[::6])
    sklearn_regressor(folder, 'svm_nu_regression', svm.NuSVR(kernel='poly', gamma=3, C=10, coef0=1),
                      x[::6], y[::6])


def libsvm(folder):
    """LIBSVM itself, with probabilities coupled from pairwise ones."""
    x, y = data('iris')
    x, y = x[::2], y[::2]
    for name, kind in (('libsvm_classifier', '-s 0'), ('libsvm_nu_classifier', '-s 1 -n 0.3')):
        model = svmutil.svm_train(list(y), [list(row) for row in x], kind + ' -t 2 -g 0.3 -b 1 -q')
        rows = pick(x)
        labels, _, probabilities = svmutil.svm_predict([], [list(row) for row in x[rows]], model,
                                                       '-b 1 -q')
        converted = coremltools.converters.libsvm.convert(model, names(x), 'target',
                                                          probability='classProbability')
        columns = ['=target'] + ['=classProbability:%d' % label for label in model.get_labels()]
        write(folder, name, converted, names(x) + columns,
              [list(x[row]) + [int(label)] + list(p)
               for row, label, p in zip(rows, labels, probabilities)])


def nearest(folder):
    x, y = data('iris')
    queries = x[pick(x)] + 0.013
    for algorithm in ('brute', 'kd_tree'):
        model = neighbors.KNeighborsClassifier(5, algorithm=algorithm)
        model.fit(x, y)
        converted = coremltools.converters.sklearn.convert(model, 'x', 'target')
        write(folder, 'neighbors_' + algorithm, converted,
              ['x[%d]' % i for i in range(x.shape[1])] + ['=target'],
              [list(row.astype(np.float32).astype(float)) + [label]
               for row, label in zip(queries, model.predict(queries))])


def pipelines(folder):
    x, y = data('iris')
    chain = pipeline.Pipeline([('scale', preprocessing.StandardScaler()),
                               ('normalize', preprocessing.Normalizer('l2')),
                               ('model', linear_model.LogisticRegression(multi_class='ovr'))])
    sklearn_classifier(folder, 'pipeline_scaled', chain, x, y)
    x, y = data('diabetes')
    gaps = np.random.default_rng(1).random(x.shape) < 0.1
    chain = pipeline.Pipeline([('impute', SimpleImputer(strategy='mean')),
                               ('model', linear_model.LinearRegression())])
    sklearn_regressor(folder, 'pipeline_imputed', chain, np.where(gaps, np.nan, x), y)
    x = np.array([[i % 3, (i * 7) % 5, (i * 11) % 13] for i in range(60)], float)
    chain = pipeline.Pipeline([('encode', preprocessing.OneHotEncoder(handle_unknown='ignore')),
                               ('model', linear_model.LinearRegression())])
    sklearn_regressor(folder, 'pipeline_one_hot', chain, x, x[:, 0] * 3 - x[:, 1] * x[:, 0] + x[:, 2])


def dictionaries(folder):
    """A dictionary vectorizer before a tree; the inputs are columns "features:KEY"."""
    keys = ['colour=red', 'colour=blue', 'size', 'weight']
    rows = [{keys[i % 2]: 1.0, 'size': float(i % 7), 'weight': i * 0.25} for i in range(40)]
    labels = [(i % 7 > 3) ^ (i % 2) for i in range(40)]
    chain = pipeline.Pipeline([('vectorize', DictVectorizer()),
                               ('model', tree.DecisionTreeClassifier(random_state=0))])
    chain.fit(rows, [int(label) for label in labels])
    converted = coremltools.converters.sklearn.convert(chain, 'features', 'target')
    unseen = [dict(row, unknown=3.0) for row in rows[:ROWS]]
    write(folder, 'pipeline_dictionary', converted,
          ['features:' + key for key in keys + ['unknown']] + ['=target'],
          [[row.get(key, '') for key in keys + ['unknown']] + [label]
           for row, label in zip(unseen, chain.predict(unseen))])


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for make in (linear_models, trees, boosters, support_vectors, libsvm, nearest, pipelines,
                 dictionaries):
        make(folder)


if __name__ == '__main__':
    main()
