// Holds entities to Backstage's own validators, and renders skeletons as its scaffolder does.
//
// Reads {entities: [...], skeletons: [{text, values}]} as JSON from standard input; prints the rendered texts as JSON,
// or says what is wrong and ends with 1.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const model = require('@backstage/catalog-model');
const { templateEntityV1beta3Validator } = require('@backstage/plugin-scaffolder-common');
const nunjucks = require('nunjucks');

const { entities, skeletons } = JSON.parse(readFileSync(0, 'utf8'));
const validators = {
  API: model.apiEntityV1alpha1Validator,
  Resource: model.resourceEntityV1alpha1Validator,
  Template: templateEntityV1beta3Validator,
};
const policy = model.EntityPolicies.allOf([
  new model.SchemaValidEntityPolicy(),
  new model.DefaultNamespaceEntityPolicy(),
  new model.NoForeignRootFieldsEntityPolicy(),
  new model.FieldFormatEntityPolicy(),
]);
for (const entity of entities) {
  if (!(await validators[entity.kind].check(entity))) throw new Error(`${entity.kind}: another version is asked for`);
  await policy.enforce(entity);
}
// As fetch:template has it.
const environment = new nunjucks.Environment(null, {
  autoescape: false,
  tags: { variableStart: '${{', variableEnd: '}}' },
});
console.log(JSON.stringify(skeletons.map(({ text, values }) => environment.renderString(text, { values }))));
