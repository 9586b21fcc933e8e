// Shows the document of this service. Those of its neighbours, which the line above names, can be
// chosen at the top: the ones that are reached under the name that this page was reached under.
const others = neighbours.filter(
  ({ origin }) => origin !== location.origin && new URL(origin).hostname === location.hostname,
);

const ui = SwaggerUIBundle({
  dom_id: "#swagger-ui",
  urls: [
    { name: "this service", url: "/openapi.json" },
    ...others.map(({ name, origin }) => ({ name, url: `${origin}/openapi.json` })),
  ],
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  layout: others.length > 0 ? "StandaloneLayout" : "BaseLayout",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null, // nothing is sent to anyone else
  onComplete: () => {
    document.title = ui.specSelectors.info().get("title");
  },
});
