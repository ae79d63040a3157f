// The package is native code and CommonJS: there is nothing to transform.
module.exports = { testMatch: ['**/*.jest.cjs'], transform: {} };
