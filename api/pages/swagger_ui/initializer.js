// Shows the document of this service. Those of its neighbours, which a line above names, can be
// chosen at the top: the ones that are reached under the name that this page was reached under.
// Swagger UI keeps what somebody was authorized with in memory, until another document is chosen.
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

// `audience` is what some providers call the resource of RFC 8707, which has to be a URI.
const [login] = logins;
if (login)
  ui.initOAuth({
    clientId: login.clientId,
    scopes: "openid",
    usePkceWithAuthorizationCodeGrant: true,
    additionalQueryStringParams: {
      audience: login.audience,
      ...(URL.canParse(login.audience) && { resource: login.audience }),
    },
  });
