// A request as code to copy: curl, Python, JavaScript, Java and PHP, each with its standard library alone.

const inShell = (words) => `'${words.replaceAll("'", "'\\''")}'`;
const inJson = (words) => JSON.stringify(words); // its escapes are those of Python, Java and JavaScript, too
const inPhp = (words) => `'${words.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
const oneLine = (body) => body.replace(/\s*\n\s*/g, " ");

function curl({ method, url, headers, body }) {
  const lines = [`curl -X ${method} ${inShell(url)}`, ...Object.entries(headers).map(([name, value]) => `-H ${inShell(`${name}: ${value}`)}`)];
  if (body !== undefined) lines.push(`-d ${inShell(oneLine(body))}`);
  return lines.join(" \\\n  ");
}

function python({ method, url, headers, body }) {
  return [
    "import urllib.error",
    "import urllib.request",
    "",
    "request = urllib.request.Request(",
    `    ${inJson(url)},`,
    `    method=${inJson(method)},`,
    ...(body === undefined ? [] : [`    data=${inJson(oneLine(body))}.encode(),`]),
    "    headers={",
    ...Object.entries(headers).map(([name, value]) => `        ${inJson(name)}: ${inJson(value)},`),
    "    },",
    ")",
    "try:",
    "    with urllib.request.urlopen(request, timeout=15) as answer:",
    "        print(answer.status, answer.read().decode())",
    "except urllib.error.HTTPError as refusal:",
    "    print(refusal.code, refusal.read().decode())",
  ].join("\n");
}

function javascript({ method, url, headers, body }) {
  return [
    `const answer = await fetch(${inJson(url)}, {`,
    `  method: ${inJson(method)},`,
    "  headers: {",
    ...Object.entries(headers).map(([name, value]) => `    ${inJson(name)}: ${inJson(value)},`),
    "  },",
    ...(body === undefined ? [] : [`  body: ${inJson(oneLine(body))},`]),
    "  signal: AbortSignal.timeout(15_000),",
    "});",
    "console.log(answer.status, await answer.text());",
  ].join("\n");
}

function java({ method, url, headers, body }) {
  const sent = body === undefined ? "HttpRequest.BodyPublishers.noBody()" : `HttpRequest.BodyPublishers.ofString(${inJson(oneLine(body))})`;
  return [
    "import java.net.URI;",
    "import java.net.http.HttpClient;",
    "import java.net.http.HttpRequest;",
    "import java.net.http.HttpResponse;",
    "import java.time.Duration;",
    "",
    "public class Call {",
    "  public static void main(String[] arguments) throws Exception {",
    `    HttpRequest request = HttpRequest.newBuilder(URI.create(${inJson(url)}))`,
    ...Object.entries(headers).map(([name, value]) => `        .header(${inJson(name)}, ${inJson(value)})`),
    "        .timeout(Duration.ofSeconds(15))",
    `        .method(${inJson(method)}, ${sent})`,
    "        .build();",
    "    HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());",
    '    System.out.println(answer.statusCode() + " " + answer.body());',
    "  }",
    "}",
  ].join("\n");
}

// Streams are part of every PHP; the curl extension is not.
function php({ method, url, headers, body }) {
  return [
    "<?php",
    '$call = stream_context_create(["http" => [',
    `    "method" => ${inPhp(method)},`,
    '    "header" => [',
    ...Object.entries(headers).map(([name, value]) => `        ${inPhp(`${name}: ${value}`)},`),
    "    ],",
    ...(body === undefined ? [] : [`    "content" => ${inPhp(oneLine(body))},`]),
    '    "timeout" => 15,',
    '    "ignore_errors" => true, // an error has an answer, too',
    "]]);",
    `$answer = file_get_contents(${inPhp(url)}, false, $call);`,
    'echo $http_response_header[0], " ", $answer, PHP_EOL;',
  ].join("\n");
}

/** Languages by the name shown, each a function of `{ method, url, headers, body }`. */
export const SAMPLES = { curl, Python: python, JavaScript: javascript, Java: java, PHP: php };
