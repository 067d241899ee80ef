//! The exact table of scikit-learn classes that run natively. A class that is not here is unknown, whatever its name.

use crate::object::View;

/// A class with native code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Pipeline,
    ColumnTransformer,
    FunctionTransformer,
    StandardScaler,
    MinMaxScaler,
    MaxAbsScaler,
    RobustScaler,
    SimpleImputer,
    OneHotEncoder,
    /// Every regressor that is `X @ coef_ + intercept_`.
    LinearRegressor,
    LogisticRegression,
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    /// Every search whose answer is that of `best_estimator_`.
    Search,
}

static TABLE: &[(&str, &str, Class)] = &[
    ("sklearn.pipeline", "Pipeline", Class::Pipeline),
    (
        "sklearn.compose._column_transformer",
        "ColumnTransformer",
        Class::ColumnTransformer,
    ),
    (
        "sklearn.preprocessing._function_transformer",
        "FunctionTransformer",
        Class::FunctionTransformer,
    ),
    ("sklearn.preprocessing._data", "StandardScaler", Class::StandardScaler),
    ("sklearn.preprocessing._data", "MinMaxScaler", Class::MinMaxScaler),
    ("sklearn.preprocessing._data", "MaxAbsScaler", Class::MaxAbsScaler),
    ("sklearn.preprocessing._data", "RobustScaler", Class::RobustScaler),
    ("sklearn.impute._base", "SimpleImputer", Class::SimpleImputer),
    ("sklearn.preprocessing._encoders", "OneHotEncoder", Class::OneHotEncoder),
    ("sklearn.linear_model._base", "LinearRegression", Class::LinearRegressor),
    ("sklearn.linear_model._ridge", "Ridge", Class::LinearRegressor),
    ("sklearn.linear_model._ridge", "RidgeCV", Class::LinearRegressor),
    (
        "sklearn.linear_model._coordinate_descent",
        "Lasso",
        Class::LinearRegressor,
    ),
    (
        "sklearn.linear_model._coordinate_descent",
        "LassoCV",
        Class::LinearRegressor,
    ),
    (
        "sklearn.linear_model._coordinate_descent",
        "ElasticNet",
        Class::LinearRegressor,
    ),
    (
        "sklearn.linear_model._coordinate_descent",
        "ElasticNetCV",
        Class::LinearRegressor,
    ),
    (
        "sklearn.linear_model._logistic",
        "LogisticRegression",
        Class::LogisticRegression,
    ),
    (
        "sklearn.linear_model._logistic",
        "LogisticRegressionCV",
        Class::LogisticRegression,
    ),
    (
        "sklearn.tree._classes",
        "DecisionTreeClassifier",
        Class::DecisionTreeClassifier,
    ),
    (
        "sklearn.tree._classes",
        "DecisionTreeRegressor",
        Class::DecisionTreeRegressor,
    ),
    (
        "sklearn.tree._classes",
        "ExtraTreeClassifier",
        Class::ExtraTreeClassifier,
    ),
    ("sklearn.tree._classes", "ExtraTreeRegressor", Class::ExtraTreeRegressor),
    (
        "sklearn.ensemble._forest",
        "RandomForestClassifier",
        Class::RandomForestClassifier,
    ),
    (
        "sklearn.ensemble._forest",
        "RandomForestRegressor",
        Class::RandomForestRegressor,
    ),
    (
        "sklearn.ensemble._forest",
        "ExtraTreesClassifier",
        Class::ExtraTreesClassifier,
    ),
    (
        "sklearn.ensemble._forest",
        "ExtraTreesRegressor",
        Class::ExtraTreesRegressor,
    ),
    (
        "sklearn.ensemble._gb",
        "GradientBoostingClassifier",
        Class::GradientBoostingClassifier,
    ),
    (
        "sklearn.ensemble._gb",
        "GradientBoostingRegressor",
        Class::GradientBoostingRegressor,
    ),
    ("sklearn.model_selection._search", "GridSearchCV", Class::Search),
    ("sklearn.model_selection._search", "RandomizedSearchCV", Class::Search),
];

impl Class {
    /// The class of an instance, and its own name, when there is native code for it.
    pub(super) fn of(view: View<'_>) -> Option<(Self, &'static str)> {
        view.as_object()?;
        let (module, name) = view.class()?;
        TABLE
            .iter()
            .find(|(m, n, _)| *n == name && *m == module)
            .map(|(_, name, class)| (*class, *name))
    }
}
